"""Tables of the report: one module per subject."""
