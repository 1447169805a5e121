"""What a table holds: kinds, target, the contract made of them, and its datasheet."""
