"""The journal of answered predictions, the labels that come later, the log of decisions."""
