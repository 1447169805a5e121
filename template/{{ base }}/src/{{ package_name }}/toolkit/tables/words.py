"""Which words of a text column are worth a feature; used in training only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import chi2

from .column_encoders import words_of


def fit_words(name: str, values: NDArray, y: NDArray[Any], most: int) -> dict[str, Any]:
    """Choose the words that tell most about the target, with their document weights.

    Parameters
    ----------
    name : str
        The column.
    values : ndarray of shape (n,), object
        Text, or None where missing.
    y : ndarray of shape (n,)
        Class codes (chi-squared picks the words) or floats (correlation does).
    most : int
        How many words at most.

    Returns
    -------
    dict
        The part of the encoder's state: `words` and `idf`, equally long.
    """
    vectorizer = TfidfVectorizer(
        tokenizer=words_of, token_pattern=None, lowercase=False, min_df=2, max_features=20_000
    )
    empty = {"name": name, "kind": "text", "words": {}, "idf": []}
    try:
        matrix = vectorizer.fit_transform([text or "" for text in values])
    except ValueError:  # no word appears in two rows
        return empty
    if np.issubdtype(np.asarray(y).dtype, np.integer):
        scores = chi2(matrix, y)[0]
    else:
        # Correlation without centring the matrix, which would make it dense.
        norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
        scores = np.abs(matrix.T @ (y - np.mean(y))) / norms
    best = np.sort(np.argsort(-np.nan_to_num(scores), kind="stable")[:most])
    words = vectorizer.get_feature_names_out()
    return {
        "name": name,
        "kind": "text",
        "words": {str(words[i]): position for position, i in enumerate(best)},
        "idf": [float(vectorizer.idf_[i]) for i in best],
    }
