"""Running programs in worker processes, so that nothing that a program does can harm its caller."""
