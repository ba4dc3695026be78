"""Turns the EMR tables of a hospital into pseudonymous records; every row is accounted for."""
