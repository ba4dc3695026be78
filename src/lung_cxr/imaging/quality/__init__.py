"""Measure images, apply QC rules to them, find near duplicates."""
