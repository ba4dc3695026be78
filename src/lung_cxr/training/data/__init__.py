"""What a network sees: sampling order, augmentation, batches."""
