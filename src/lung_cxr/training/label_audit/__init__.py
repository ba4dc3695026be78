"""Find probable label errors: a model that has not seen a patient disagrees with the label of the patient's image."""
