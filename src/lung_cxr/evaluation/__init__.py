"""Numbers about predictions: metrics, intervals, comparisons, cost.

Plain functions on labels, probabilities and frames; nothing here knows Kedro or Keras.
"""
