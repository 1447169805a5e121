"""Drift and errors: distances, references, windows, checks, alarms, their summary."""
