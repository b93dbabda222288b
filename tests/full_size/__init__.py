"""What must hold on files of the size and shape that users report."""
