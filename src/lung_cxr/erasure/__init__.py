"""Erasure of patients who withdraw, and rotation of the key: everything that rewrites stored personal data."""
