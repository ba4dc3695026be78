"""Drawn radiographs: anatomy, disease signs, projection and exposure."""
