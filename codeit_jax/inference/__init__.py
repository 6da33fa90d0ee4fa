"""A trained policy at work: load it, draw and rank programs for tasks, export it."""
