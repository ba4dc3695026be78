"""One run on disk: identity, folders, checkpoints, history, record, model card."""
