"""Report of the check: a page, and a table for the terminal."""
