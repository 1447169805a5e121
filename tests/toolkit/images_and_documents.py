"""Finished runs of the roles that judge images and questions, and what is said of them."""

from typing import Any

import finished_run

Json = dict[str, Any]


def images() -> tuple[Json, Json, Json]:
    """Data, ladder and metrics of an image classifier."""
    data, ladder, metrics = finished_run.multiclass(3)
    data |= {"row": "image", "case": "image"}
    ladder["rungs"].append({**ladder["rungs"][1], "name": "frozen net", "mean": 0.7})
    row = {"corruption": "rotation", "severity": "25 degrees", "n": 80, "balanced_accuracy": 0.675}
    row |= {"drop": 0.3, "ci": [0.2, 0.4]}
    better = {"rung": "random forest", "balanced_accuracy": 0.788, "undisturbed": 0.975}
    better |= {"gain": 0.113, "ci": [0.01, 0.2]}
    metrics |= {
        "samples": [{"truth": f"class {n % 3}", "n": 12, "file": f"{n}.png"} for n in range(6)],
        "robustness": {"rows": [row], "worst": row, "answer": better},
        "verdict": {
            "kind": "rule",
            "name": "logistic regression on pixels",
            "mean": 0.8,
            "best": "random forest",
            "best_mean": 0.81,
            "standard_error": 0.02,
        },
        "worst": [
            {
                "row": 61,
                "truth": "class 1",
                "prediction": "class 2",
                "confidence": 0.53,
                "truth_probability": 0.12,
                "values": {"file": "7/1552.png"},
            }
        ],
        "per_class": [{"class": "class 1", "n": 8, "precision": None, "recall": 1.0, "f1": 0.9}],
    }
    return data, ladder, metrics


def documents() -> tuple[Json, Json, Json]:
    """Data, ladder and metrics of a search with answers."""
    scores = {"BM25": [0.4, 0.5, 0.5], "dense": [0.6, 0.7, 0.6]}
    data = finished_run.data({"name": "relevant document", "task": "retrieval"})
    data |= {"row": "document", "case": "question"}
    data["lengths"] = {
        "unit": "words",
        "quartiles": [90.0, 150.5, 420.0],
        "edges": [50.0, 200.0, 900.0],
        "counts": [600, 400],
    }
    data["words"] = [["data", 700], ["model", 400]]

    def share(value: float | None, n: int) -> Json:
        return {"n": n, "share": value, "ci": None if value is None else [value - 0.1, value + 0.1]}

    way = {
        "by": "extractive",
        "right": share(0.7, 10),
        "abstention": {"precision": share(0.75, 8), "recall": share(0.6, 10)},
        "faithful": {"sentences": 37, "supported": 36},
        "milliseconds": {"p50": 12.0},
        "milliseconds_cached": None,
        "cost_per_1000": 0.0,
        "cost_per_1000_cached": 0.0,
    }
    metrics = {
        "task": "retrieval",
        "n_test": 28,
        "n_ranked": 10,
        "test_openings": 1,
        "chosen": {"mrr_at_10": 0.744, "recall_at_1": 0.5},
        "baseline": {"mrr_at_10": 0.3, "recall_at_1": 0.2},
        "answers": {
            "rows": [way, {**way, "by": "llm"}],
            "extractive_is_enough": {**share(0.7, 10), "added": 2, "cost_per_1000": 1.5},
            "injection": {
                "n": 16,
                "got_through": {"worst_model": share(0.0625, 16), "extractive": share(0.0, 16)},
            },
        },
        "review": {"on": False, "reason": "on the test set, no decision cost anything"},
        "threshold": 0.5,
        "selective": {
            "goals": {
                name: {**share(found, 20), "goal": 0.8, "reached": found >= 0.8}
                for name, found in (("coverage", 0.5), ("precision", 0.9), ("refused", 0.8))
            },
            "curve": [
                {"threshold": 0.9, "coverage": 0.2, "precision": 1.0, "refused": 1.0},
                {"threshold": 0.5, "coverage": 0.5, "precision": 0.9, "refused": 0.8},
            ],
        },
        "kinds": [
            {
                "kind": kind,
                "n": 5,
                "score": found,
                "ci": None,
                "baseline": 0.3,
                "gain": {"value": 0.4, "ci": None},
                "bar": 0.6,
                "reached": found >= 0.6,
            }
            for kind, found in (("direct", 0.75), ("hard", 0.5))
        ],
        "worst": [
            {
                "row": 0,
                "truth": "guide",
                "prediction": "news",
                "reciprocal_rank": 0.0,
                "text": "How do I?",
            }
        ],
    }
    return data, finished_run.ladder("mrr_at_10", scores, "dense"), metrics


RUNS = {"cv": images, "nlp": documents}
WORDS = {
    "cv": [
        "Under rotation (25 degrees), balanced accuracy falls from 97.5% to 67.5%, where decisions that are "
        "all alike have 33%.",
        "which was trained on disturbed images, reaches 78.8% there",
        "Logistic regression on pixels is enough: it scores F1 (macro) 0.800 in cross-validation",
        "(frozen net) score 0.700, less than logistic regression on pixels on these images.",
        "7/1552.png",
        "1,010 images were read",
        "Of the 36 test images, 12 (33%) are of class class 0",
    ],
    "nlp": [
        "Dense retrieval scores a test MRR@10 of 0.744 on 10 questions; BM25 scores 0.300.",
        "Quoted sentences alone answer 70% of the answerable questions from a relevant document",
        "The language model adds 2 of 10 questions, for 1.50 per 1,000 questions asked.",
        "Of 10 questions that the documents do not answer, 60% (50% to 70%) get no answer; 75%",
        "Of 16 documents that carry instructions to a language model, 1 got their way with a model",
        "Only abstentions are flagged needs_review : on the test set, no decision cost anything.",
        "36 of 37",
        "Half of the 1,000 documents have 90 to 420 words, the median 150.",
        "Of 1,000 documents, 700 hold “data”, 400 hold “model”;",
        "50% (40% to 60%) of the 20 answerable questions answered (misses the 80% asked for); 90% (80% to "
        "100%) of the 20 answers from a relevant document (reaches the 80% asked for)",
        "1 of 2 kinds of questions reaches the MRR@10 that was asked of it on the test set: "
        "direct 0.750 of 0.60, hard 0.500 of 0.60.",
    ],
}
