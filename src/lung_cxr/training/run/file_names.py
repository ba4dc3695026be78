"""What the files of a run are called, for the run that writes them and for whoever reads them."""

RECORD = "run_record.json"
FAILURE = "failure.json"
HISTORY = "history.csv"
PREDICTIONS = "predictions.parquet"
LOGISTIC_REGRESSION = "logistic_regression"  # in `07_model_output/<backbone>`
FROZEN_FEATURE_PREDICTIONS = "frozen_feature_predictions.parquet"  # in it
IDENTITY = "identity.json"  # in `06_models`, as the next
MODEL = "model.keras"
MODEL_CARD = "model_card.md"  # beside it
FROZEN_FEATURES = "frozen_features"  # in `06_models/<backbone>`
BEGAN_WITH = "began_with.json"  # in `06_models`, of the runs of a sweep
WITHDRAWAL = "withdrawal.json"
