"""A folder of new images and a trained run → a probability of each class."""
