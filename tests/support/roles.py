"""The roles that the tests render."""

ROLES = ["tabular", "cv", "nlp", "mlops"]
