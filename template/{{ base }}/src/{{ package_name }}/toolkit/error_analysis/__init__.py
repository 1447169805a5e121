"""Where a model errs, and checks of our own numbers."""
