"""Ensembles of finished runs: the mean of their probabilities, or the mean of their weights (greedy soup).

`network.py` makes one network of the members, `soup.py` averages weights, and `combine.py` makes a run of either: its
model, predictions and record are stored, and it predicts like any other run.
"""
