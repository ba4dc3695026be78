"""Assignment of patients to train, validation and test; pixel arrays. Free of Kedro and Keras."""
