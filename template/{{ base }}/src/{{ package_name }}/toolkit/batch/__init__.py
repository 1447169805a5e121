"""Predictions for a whole file or folder."""
