"""Fit the words that tell an order to a language model from other sentences.

Writes `toolkit/answers/order_words.json`, which `prompt_injection.py` reads. Learned from the half `dev` of
the labelled sentences under tests/toolkit/prompt_injection, from `own.jsonl` there, whose author knew the
signs, and from sentences of scikit-learn's and Python's documentation, which order nobody about.

Run in an environment that has scikit-learn: python scripts/fit_order_words.py
"""

import json
import pydoc_data.topics
import random
import re
import sys
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "template/{{ base }}/src/{{ package_name }}"
SETS = ROOT / "tests/toolkit/prompt_injection"
OF_DOCUMENTATION, WEIGHT = 4000, 0.05
SMALLEST = 0.02  # weights below tell nothing
ENCODED = {"base64", "rot13", "leetspeak", "homoglyphs", "zero-width", "spaced letters"}
sys.path.insert(0, str(SOURCE))

from toolkit.answers.prompt_injection import WORDS, words_of  # noqa: E402
from toolkit.sample import scikit_learn  # noqa: E402


def read(name: str) -> list[dict[str, str]]:
    """The lines of a set that may be learned from."""
    lines = map(json.loads, (SETS / name).read_text("utf-8").splitlines())
    return [each for each in lines if each.get("half", "dev") == "dev"]


def main() -> None:
    """Fit, print both errors out of fold, and write the weights."""
    blind = [
        " ".join(each.get("parts") or [each["text"]])
        for each in read("attacks.jsonl")
        if each["kind"] not in ENCODED | {"other language"}
    ]
    ordinary = [each["text"] for each in read("ordinary.jsonl")]
    own = {
        label: [x["text"] for x in read("own.jsonl") if x["order"] is label]
        for label in (True, False)
    }
    documents = [*scikit_learn.documents().values(), *pydoc_data.topics.topics.values()]
    sentences = [s.strip() for text in documents for s in re.split(r"(?<=[.!?])\s+|\n\n", text)]
    sentences = [s for s in sentences if 20 < len(s) < 300]
    documentation = random.Random(0).sample(sentences, OF_DOCUMENTATION)
    groups = {
        "blind attacks": (blind, 1, 1.0),
        "own attacks": (own[True], 1, 1.0),
        "ordinary": (ordinary, 0, 1.0),
        "own ordinary": (own[False], 0, 1.0),
        "documentation": (documentation, 0, WEIGHT),
    }
    texts = [text for listed, _, _ in groups.values() for text in listed]
    y = np.repeat(
        [label for _, label, _ in groups.values()], [len(x) for x, _, _ in groups.values()]
    )
    weight = np.repeat([w for *_, w in groups.values()], [len(x) for x, _, _ in groups.values()])
    group = np.repeat(list(groups), [len(x) for x, _, _ in groups.values()])

    vectorizer = CountVectorizer(analyzer=words_of, binary=True, min_df=2)
    out_of_fold = np.zeros(len(texts))
    for train, test in StratifiedKFold(10, shuffle=True, random_state=1).split(texts, group):
        words = vectorizer.fit_transform([texts[row] for row in train])
        model = LogisticRegression(C=1.0, max_iter=3000).fit(words, y[train], weight[train])
        words = vectorizer.transform([texts[row] for row in test])
        out_of_fold[test] = model.predict_proba(words)[:, 1]
    for threshold in (0.5, 0.6, 0.7):
        shares = {g: round(float((out_of_fold[group == g] > threshold).mean()), 3) for g in groups}
        print(threshold, shares)

    model = LogisticRegression(C=1.0, max_iter=3000).fit(vectorizer.fit_transform(texts), y, weight)
    weights = zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)
    kept = {word: round(float(w), 3) for word, w in weights if abs(w) >= SMALLEST}
    content = {"intercept": round(float(model.intercept_[0]), 3), "weights": kept}
    WORDS.write_text(json.dumps(content, indent=0, ensure_ascii=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
