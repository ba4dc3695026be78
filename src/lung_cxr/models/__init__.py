"""The classifiers: seven ImageNet backbones, their layer groups, and what of them may train. Keras 3 on any backend."""
