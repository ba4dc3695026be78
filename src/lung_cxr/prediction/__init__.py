"""Predict the classes of a folder of new images with a trained run."""
