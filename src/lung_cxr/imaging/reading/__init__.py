"""Any file of an export → one grey radiograph in memory."""
