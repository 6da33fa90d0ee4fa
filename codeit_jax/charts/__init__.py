"""Charts as data, and drawn: SVG for pages, PNG, CSV."""
