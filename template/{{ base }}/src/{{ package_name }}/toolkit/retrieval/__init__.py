"""Search: chunks, BM25, TF-IDF, embeddings, the index, and how rankings are scored."""
