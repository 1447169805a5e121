"""Where a model of images errs, where it looks, and what disturbs it."""
