"""Keras' global settings: the same on every machine, whatever `~/.keras/keras.json` says."""

import keras


def use_standard_keras_settings() -> None:
    """Set image layout, float type and epsilon to the defaults of Keras.

    The backend is not changed: it is chosen by `KERAS_BACKEND` or `keras.json`, and it is part of a run's identity.
    """
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
