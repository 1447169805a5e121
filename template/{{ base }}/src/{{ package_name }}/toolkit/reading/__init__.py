"""How a table is read: files, databases, the sample, and single values."""
