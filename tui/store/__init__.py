"""What is: the only place that knows opencode's SQL and files."""
