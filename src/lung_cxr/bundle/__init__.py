"""A trained run as a folder that predicts without TensorFlow, Keras and Kedro: `python -m lung_cxr.bundle`."""
