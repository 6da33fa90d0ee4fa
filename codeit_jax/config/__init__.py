"""Every setting of a run, how settings are read, and the errors that end a command."""

MAX_WORKERS = 4096
"""Processes that one machine may be asked for; more is a slip of the finger, and would fill its process table."""
