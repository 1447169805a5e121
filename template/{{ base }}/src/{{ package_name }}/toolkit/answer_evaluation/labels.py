"""How the scores of a ranking are called; importing this makes the names known."""

from ..evaluation.display import LABELS

LABELS |= {
    "mrr_at_10": "MRR@10",
    "ndcg_at_10": "nDCG@10",
    "recall_at_1": "Recall@1",
    "recall_at_5": "Recall@5",
    "recall_at_10": "Recall@10",
}
