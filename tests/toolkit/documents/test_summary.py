"""What is said of documents holds in languages that put no gaps between words, too."""

import numpy as np
import pytest
from languages import PAGES
from toolkit.documents import language, summary
from toolkit.documents.reading import Document


@pytest.fixture(autouse=True)
def in_english_again():
    yield
    language.use(language.DEFAULT)


def pages(code):
    language.use(code)
    return [
        Document(name, f"{name}.txt", name, text, "", code) for name, text in PAGES[code].items()
    ]


def test_words_are_counted_and_stop_words_are_none():
    documents = pages("de")
    found = dict(summary.frequent_words(documents))
    assert found["monate"] == 1
    assert not {"die", "der", "und"} & set(found)
    lengths = summary.lengths(documents)
    assert lengths["unit"] == "words"
    assert sum(lengths["counts"]) == len(documents)


@pytest.mark.parametrize("code", ["zh", "th"])
def test_signs_are_counted_where_words_are_not_told_apart(code):
    documents = pages(code)
    lengths = summary.lengths(documents)
    assert lengths["unit"] == "signs"
    assert lengths["quartiles"][1] == pytest.approx(
        np.median([sum(map(str.isalpha, each.text)) for each in documents]), rel=0.4
    )
    assert summary.frequent_words(documents) == []
