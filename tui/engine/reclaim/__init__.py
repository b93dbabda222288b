"""One file a level: what it takes from a part, and how."""
