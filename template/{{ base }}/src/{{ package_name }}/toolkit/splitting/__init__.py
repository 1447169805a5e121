"""Train and test, and the folds of cross-validation: time respected, groups together."""
