"""From SQL queries to an export folder that ingestion reads: table, images and the state of the extraction."""
