"""What the files of a run are called in `07_model_output`, for the run that writes them and the dataset that reads."""

RECORD = "run_record.json"
FAILURE = "failure.json"
HISTORY = "history.csv"
PREDICTIONS = "predictions.parquet"
IDENTITY = "identity.json"  # in `06_models`
BEGAN_WITH = "began_with.json"  # likewise, of the runs of a sweep
WITHDRAWAL = "withdrawal.json"
