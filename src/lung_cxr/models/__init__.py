"""Classifiers on any Keras 3 backend: seven ImageNet backbones and the layers that train."""
