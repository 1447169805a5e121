"""What the monitor looks at and how it decides: distances, reference, checks, alerts."""
