"""How good rankings and answers are on the test questions, and how many attacks get through."""
