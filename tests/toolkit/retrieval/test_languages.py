"""Questions find their pages in languages that bend, join or do not part their words."""

from collections.abc import Iterator

import languages
import pytest
from toolkit.documents import language
from toolkit.documents.tokenize import sentences
from toolkit.retrieval.chunks import Chunk
from toolkit.retrieval.lexical import Bm25


@pytest.fixture(params=languages.PAGES)
def spoken(request: pytest.FixtureRequest) -> Iterator[str]:
    language.use(request.param)
    yield request.param
    language.use(language.DEFAULT)


def test_the_language_is_told(spoken: str) -> None:
    assert {language.detect(text) for text in languages.PAGES[spoken].values()} == {spoken}


def test_words_find_the_page_and_its_sentences_can_be_quoted(spoken: str) -> None:
    chunks = [
        Chunk(f"{name}#0", name, text, name) for name, text in languages.PAGES[spoken].items()
    ]
    index = Bm25.fit(chunks)
    for question, page, answer in languages.QUESTIONS[spoken]:
        assert [chunks[row].doc for row, _ in index.ranking(question, 1)] == [page], question
        quotable = [each.text for each in sentences(languages.PAGES[spoken][page])]
        assert any(answer in each for each in quotable), question
        if spoken != "th":  # which has no sign for the end of a sentence
            assert len(quotable) > 1
