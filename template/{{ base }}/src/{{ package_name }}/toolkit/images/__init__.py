"""Pictures: reading, near-duplicates, features, networks' export, predictions."""
