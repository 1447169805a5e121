"""Fit what tells an order to a language model from other sentences.

Writes `toolkit/answers/order_words.json`, which `prompt_injection.py` reads. Learned from the first two pairs
of labelled sets under tests/toolkit/prompt_injection, `own.jsonl` there, whose author knew the signs, and
sentences of scikit-learn's and Python's documentation, which order nobody about. The third pair measures.

Run in an environment that has scikit-learn: python scripts/fit_order_words.py
"""

import json
import pydoc_data.topics
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "template/{{ base }}/src/{{ package_name }}"
SETS = ROOT / "tests/toolkit/prompt_injection"
OF_DOCUMENTATION, WEIGHT = 4000, 0.1
C = 0.5  # of the regression
SMALLEST = 0.02  # weights below tell nothing
ENCODED = {"base64", "rot13", "leetspeak", "homoglyphs", "zero-width", "spaced letters", "encoded"}
sys.path.insert(0, str(SOURCE))

from toolkit.answers.prompt_injection import (  # noqa: E402
    LONGEST,
    REACH,
    WORDS,
    as_read,
    features,
    stretches,
)
from toolkit.sample import scikit_learn  # noqa: E402


def read(name: str, label: int | None = None) -> list[str]:
    """The texts of a set that may be learned from."""
    lines = map(json.loads, (SETS / f"{name}.jsonl").read_text("utf-8").splitlines())
    return [
        " ".join(each.get("parts") or [each["text"]])
        for each in lines
        if each.get("kind") not in ENCODED and (label is None or each["order"] == label)
    ]


def windows(text: str) -> list[set[str]]:
    """The features of what the filter judges of a text: the whole, and neighbouring sentences."""
    parts = stretches(text)
    joined = ["".join(parts[n : n + r]) for r in range(1, REACH + 1) for n in range(len(parts))]
    return [features(as_read(part)) for part in {text, *(x for x in joined if len(x) <= LONGEST)}]


def main() -> None:
    """Fit, print both errors out of fold, and write the weights."""
    documents = [*scikit_learn.documents().values(), *pydoc_data.topics.topics.values()]
    sentences = [s.strip() for text in documents for s in re.split(r"(?<=[.!?])\s+|\n\n", text)]
    sentences = [s for s in sentences if 20 < len(s) < 300]
    documentation = random.Random(0).sample(sentences, OF_DOCUMENTATION)
    groups = {
        "first attacks": (read("attacks"), 1, 1.0),
        "second attacks": (read("second_attacks"), 1, 1.0),
        "own attacks": (read("own", 1), 1, 1.0),
        "first ordinary": (read("ordinary"), 0, 1.0),
        "second ordinary": (read("second_ordinary"), 0, 1.0),
        "own ordinary": (read("own", 0), 0, 1.0),
        "documentation": (documentation, 0, WEIGHT),
    }
    raw = [text for listed, _, _ in groups.values() for text in listed]
    texts = [features(as_read(text)) for text in raw]
    judged = [windows(text) for text in raw]
    y = np.repeat(
        [label for _, label, _ in groups.values()], [len(x) for x, _, _ in groups.values()]
    )
    weight = np.repeat([w for *_, w in groups.values()], [len(x) for x, _, _ in groups.values()])
    group = np.repeat(list(groups), [len(x) for x, _, _ in groups.values()])

    def fitted(rows: Sequence[int]) -> tuple[CountVectorizer, LogisticRegression]:
        # Of an attack the whole, since a part of it may order nothing; of others every part.
        learned = [(x, row) for row in rows for x in ([texts[row]] if y[row] else judged[row])]
        vectorizer = CountVectorizer(analyzer=list, binary=True, min_df=2)
        words = vectorizer.fit_transform([x for x, _ in learned])
        of = np.array([row for _, row in learned])
        share = np.array([1 if y[row] else len(judged[row]) ** -0.5 for row in of])
        return vectorizer, LogisticRegression(C=C, max_iter=3000).fit(
            words, y[of], weight[of] * share
        )

    out_of_fold = np.zeros(len(texts))
    for train, test in StratifiedKFold(10, shuffle=True, random_state=1).split(texts, group):
        vectorizer, model = fitted(train)
        for row in test:
            words = vectorizer.transform(judged[row])
            out_of_fold[row] = model.predict_proba(words)[:, 1].max()
    for threshold in (0.5, 0.6, 0.65, 0.7, 0.8):
        shares = {g: round(float((out_of_fold[group == g] > threshold).mean()), 3) for g in groups}
        print(threshold, shares)

    vectorizer, model = fitted(range(len(texts)))
    weights = zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)
    kept = {word: round(float(w), 3) for word, w in weights if abs(w) >= SMALLEST}
    content = {"intercept": round(float(model.intercept_[0]), 3), "weights": kept}
    WORDS.write_text(json.dumps(content, indent=0, ensure_ascii=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
