"""The edgerec command: one command, one file."""
