"""Cache the output of frozen layers: computed once per image, read in later epochs.

While groups 1…L−m are frozen, their output for one image is one fixed array. `split_point.py` cuts the network there,
`cost_model.py` decides from shapes whether and where caching pays, `feature_cache.py` stores the arrays, and
`cached_stage.py` trains the layers behind them. `open_stage.py` combines the four.
"""
