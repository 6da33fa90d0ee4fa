"""What people look at: progress, a run's page, grids in a terminal."""
