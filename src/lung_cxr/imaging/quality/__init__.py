"""What is measured on an image, and which images are alike."""
