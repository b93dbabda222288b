"""Measurements against the same work done by others in the same run; see `__main__`."""
