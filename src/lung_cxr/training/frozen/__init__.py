"""The frozen-prefix cache: outputs of frozen layers are computed once per image and read again later.

While groups 1…L−m are frozen, their output for one image is one fixed array. `split_point.py` cuts the network there,
`cost_model.py` decides from shapes whether and where caching pays, `feature_cache.py` stores the arrays, and
`cached_stage.py` trains the layers behind them. `open_stage.py` combines the four.
"""
