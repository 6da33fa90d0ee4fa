"""Every setting of a run, how settings are read, and the errors that end a command."""
