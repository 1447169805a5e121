"""From chunks to an answer that cites them: quoted sentences, or a language model's, checked."""
