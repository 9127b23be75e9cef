"""A bundle opened in a process."""
