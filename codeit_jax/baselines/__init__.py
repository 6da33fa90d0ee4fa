"""What solves tasks without a policy: mutation and enumerative search."""
