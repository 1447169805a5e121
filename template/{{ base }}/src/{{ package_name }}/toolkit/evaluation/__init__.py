"""What is measured of predictions, and how numbers and metrics are shown."""
