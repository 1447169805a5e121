"""What people look at: sentences, tables, charts and the documents made of them."""
