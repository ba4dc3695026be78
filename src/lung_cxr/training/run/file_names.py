"""Names of the files of a run."""

RECORD = "run_record.json"
FAILURE = "failure.json"
HISTORY = "history.csv"
PREDICTIONS = "predictions.parquet"
IDENTITY_FILE = "identity.json"  # in `06_models`, as the next
MODEL = "model.keras"
MODEL_CARD = "model_card.md"  # beside the model
DECISION_RULE = "decision_rule.json"  # beside the model, as the next
FEATURE_REFERENCE = "feature_reference.npz"
FROZEN_FEATURES = "frozen_features"  # in `06_models/<backbone>`
BEGAN_WITH = "began_with.json"  # in `06_models`, for the runs of a sweep
WITHDRAWAL = "withdrawal.json"
