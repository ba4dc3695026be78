"""Reference model: a logistic regression on the frozen, pooled features of a backbone, stored as an ordinary model.

`features.py` computes the features with the cache of the frozen prefix, `linear_classifier.py` fits, and `fit.py` makes
a run of it: model, predictions and record.
"""
