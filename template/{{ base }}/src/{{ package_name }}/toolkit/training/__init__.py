"""The comparison of candidates, what is decided out of fold, the model bundle, MLflow."""
