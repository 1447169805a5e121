"""Months of the data asked of a live service, and what came of it."""
