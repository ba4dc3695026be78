"""Check of the exports before a refresh: tables and headers are read, no pixel is decoded, nothing is stored."""
