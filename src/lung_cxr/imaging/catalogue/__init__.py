"""The catalogue on disk: reading, storage, QC, counts and deletion of images."""
