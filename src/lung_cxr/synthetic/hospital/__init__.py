"""A synthetic hospital: patients, exams, EMR tables and image files."""
