"""Documents and the labelled questions on them: read, checked, split and described."""
