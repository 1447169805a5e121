"""How fast the service answers: a bounded load, its numbers and its figure."""
