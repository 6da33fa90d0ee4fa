"""Running programs: one at a time, or many with equal calls made once."""
