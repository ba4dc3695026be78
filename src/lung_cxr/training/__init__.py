"""Training: the loop, the strategies, the input data, and the files of a run.

Uses Keras 3 only, never a backend's own functions, and no Kedro. `strategies/`, `data/sampling.py`,
`data/augmentation_parameters.py` and `data/class_weights.py` do not import Keras.
"""
