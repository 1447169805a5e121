"""The model registry, and what a gate can measure of a challenger."""
