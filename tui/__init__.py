"""ocdu: where opencode's disk space goes, and how to get it back safely."""

__version__ = "0.2.0"
