"""The HTTP service: application, limits, metrics, log, reload."""
