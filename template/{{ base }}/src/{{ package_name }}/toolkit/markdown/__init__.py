"""Markdown that shows text as it is, and blocks between markers."""
