"""The training loop and what it needs: decisions, strategies, draws, feed, checkpoints, records.

Keras 3 only, never a backend's own functions, and no Kedro. `unfreezing.py`, `schedule.py`, `shared_prefix.py`,
`settings.py`, `draws.py` and `class_weights.py` do not even need Keras.
"""
