"""What people look at: progress, the page of a run, grids in a terminal."""
