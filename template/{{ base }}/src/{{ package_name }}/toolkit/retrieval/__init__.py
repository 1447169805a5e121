"""Search: BM25, embeddings, fusion, reranking, and how rankings are scored."""
