"""Chest X-rays and clinical records to a leak-free catalogue, fine-tuned CNNs and an honest report."""

__version__ = "0.1.0"
