"""Sensitivity analysis: a grid of settings whose shared epochs are trained once."""
