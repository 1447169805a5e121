"""Settings of an operated project."""
