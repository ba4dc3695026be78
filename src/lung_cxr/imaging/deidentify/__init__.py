"""Pseudonyms, scrubbed notes, and text burned into the pixels."""
