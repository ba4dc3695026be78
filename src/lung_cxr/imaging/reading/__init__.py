"""Read any file of an export into one grey radiograph in memory."""
