"""Kinds of questions: measured by words that question and document share."""

import pytest
from toolkit.documents.kinds import HEAD, kinds_of
from toolkit.documents.questions import Question
from toolkit.documents.reading import Document

DOCUMENTS = [
    Document("tide", "tide.md", "The tide table", "High water follows the moon. " * 40, ""),
    Document("late", "late.md", "Fees", f"{'Other things are said. ' * 50} ferry timetable", ""),
]


@pytest.mark.parametrize(
    ("question", "relevant", "kind"),
    [
        ("When does high water follow the moon?", ["tide"], "direct"),
        ("When does the water reach our jetty?", ["tide"], "own words"),
        ("Which hour floods our jetty?", ["tide"], "hard"),
        ("ferry timetable", ["late"], "hard"),
        ("tide table", ["late", "tide"], "direct"),
    ],
)
def test_a_kind_is_the_share_of_words_in_the_head_of_the_closest_document(
    question: str, relevant: list[str], kind: str
) -> None:
    assert len(DOCUMENTS[1].text) > HEAD
    assert kinds_of([Question(question, relevant, True)], DOCUMENTS) == [kind]
