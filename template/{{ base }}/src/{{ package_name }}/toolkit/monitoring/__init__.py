"""Drift: distances, reference, checks, alerts."""
