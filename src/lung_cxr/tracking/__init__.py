"""Tracking of finished runs with MLflow, an optional extra (`pip install lung_cxr[tracking]`)."""
