"""Rows with named columns: splits, the encoder, export, predictions, failures."""
