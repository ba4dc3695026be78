"""Keras' global settings: the same on every machine; `~/.keras/keras.json` has no effect."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def use_standard_keras_settings() -> None:
    """Set image layout, float type and epsilon to the defaults of Keras.

    The backend is not changed: it is chosen by `KERAS_BACKEND` or `keras.json`, and it is part of a run's identity.
    """
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)


@contextmanager
def fresh_keras(precision: str, seed: int) -> Iterator[None]:
    """Reset Keras to a clean state with a run's precision and seed, for the length of a block."""
    before = keras.config.dtype_policy()
    use_standard_keras_settings()
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
        keras.utils.clear_session()
