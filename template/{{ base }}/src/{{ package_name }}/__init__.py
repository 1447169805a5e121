"""A machine-learning project: data, ladder, evaluation, report, service."""
