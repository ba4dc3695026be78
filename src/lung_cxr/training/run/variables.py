"""Values of Keras variables, out of a network and back into it."""

from collections.abc import Sequence

import keras
import numpy as np


def values_of(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Return copies of variables' values."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Give variables their values, one by one.

    Raises:
        ValueError: There are not as many values as variables.
    """
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
