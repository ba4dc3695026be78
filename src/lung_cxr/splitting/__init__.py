"""Patients to train, validation and test; images to pixel arrays. Knows nothing of Kedro or Keras."""
