"""A hospital that does not exist: patients, exams, EMR tables and image files."""
