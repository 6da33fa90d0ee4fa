"""What is kept on disk: the run directory, line files, checkpoints."""
