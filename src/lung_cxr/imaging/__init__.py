"""From a hospital's files to de-identified, quality-controlled 1024² images. Knows nothing of Kedro or Keras."""
