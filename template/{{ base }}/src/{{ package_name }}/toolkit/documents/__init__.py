"""Documents, passages and questions: reading, cutting, tokenizing."""
