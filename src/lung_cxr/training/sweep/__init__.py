"""Sensitivity analysis: grid points and the epochs that they share."""
