"""The catalogue on disk: what is read, stored, judged, counted, and taken out again."""
