"""Labelled questions: wrong lines are named, and no question is in both subsets."""

import json
from pathlib import Path

import numpy as np
import pytest
from toolkit.documents.questions import (
    FEWEST,
    Question,
    groups_of,
    read_questions,
    split_questions,
)
from toolkit.project.errors import UserError

DOCUMENTS = ["guide", "faq/returns"]


def write(path: Path, *lines: object) -> Path:
    """A file of questions: enough good lines, then `lines`, given as objects or as text."""
    good = [
        {"question": f"How is number {n} done?", "relevant": ["guide"], "answerable": True}
        for n in range(FEWEST)
    ]
    texts = [line if isinstance(line, str) else json.dumps(line) for line in (*good, *lines)]
    path.write_text("\n".join(texts) + "\n", "utf-8")
    return path


def test_good_lines_are_read(tmp_path: Path) -> None:
    file = write(
        tmp_path / "q.jsonl",
        {"question": "Who founded it?", "relevant": [], "answerable": False},
        {"question": "Wie geht das?", "relevant": ["guide", "faq/returns", "guide"]},
        "",
        {"question": "Is more allowed?", "relevant": ["guide"], "answerable": True, "by": "Ada"},
    )
    read = read_questions(file, DOCUMENTS)
    assert len(read) == FEWEST + 3
    assert read[FEWEST] == Question("Who founded it?", [], False)
    assert read[FEWEST + 1] == Question("Wie geht das?", ["faq/returns", "guide"], True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "the line"),
        ({"relevant": ["guide"]}, "`question`: Field required"),
        ({"question": 7, "relevant": ["guide"]}, "`question`: Input should be a valid string"),
        ({"question": "   ", "relevant": ["guide"]}, "question"),
        ({"question": "Where?", "relevant": ["guide"], "half": "test"}, "`half`"),
        ({"question": "Where?", "relevant": "guide"}, "`relevant`: Input should be a valid list"),
        ({"question": "Where?", "relevant": ["guides"]}, "'guides'"),
        ({"question": "Where?", "relevant": [], "answerable": True}, "names no relevant document"),
        (
            {"question": "Where?", "relevant": ["guide"], "answerable": False},
            "is not answerable but names",
        ),
        (
            {"question": "how  is NUMBER 3 done?", "relevant": ["guide"]},
            "asks what line 4 asks",
        ),
    ],
)
def test_a_wrong_line_is_named_with_its_number(tmp_path: Path, line: object, said: str) -> None:
    with pytest.raises(UserError) as error:
        read_questions(write(tmp_path / "q.jsonl", line), DOCUMENTS)
    assert f"line {FEWEST + 1}: " in str(error.value)
    assert said in str(error.value)


def test_many_wrong_lines_are_counted(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.\.\. and 15 more"):
        read_questions(write(tmp_path / "q.jsonl", *["{"] * 25), DOCUMENTS)


def test_too_few_questions_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "q.jsonl")
    file.write_text(file.read_text("utf-8").partition("\n")[2], "utf-8")
    with pytest.raises(UserError, match=f"fewer than {FEWEST}"):
        read_questions(file, DOCUMENTS)


@pytest.mark.parametrize(("content", "said"), [(None, "is not there"), (b"\xff\xfe\x00", "UTF-8")])
def test_a_file_that_cannot_be_read_is_an_error(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "q.jsonl"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_questions(file, DOCUMENTS)


def test_near_duplicates_stay_in_one_subset() -> None:
    asked = [f"How do I bake loaf number{n} in the oven?" for n in range(30)]
    again = [f"In the oven, how do I bake loaf number{n}?" for n in range(30)]
    questions = [Question(text, ["guide"], True) for text in asked + again]
    questions += [Question(f"Who invented thing{n}?", [], False) for n in range(10)]
    groups = groups_of(questions)
    assert (groups[:30] == groups[30:60]).all()
    assert len(set(groups.tolist())) == 40
    train, test = split_questions(questions, groups, 0.3, seed=0)
    assert not set(groups[train]) & set(groups[test])
    assert sorted([*train, *test]) == list(range(70))
    able = np.array([each.answerable for each in questions])
    assert able[test].sum() == 18
    assert (~able[test]).sum() == 3


def test_questions_whose_half_is_given_stay_there() -> None:
    held = [Question(f"Who sells thing{n}?", ["guide"], True, "held") for n in range(9)]
    dev = [Question(f"Who buys part{n}?", [], False, "dev") for n in range(9)]
    free = [Question(f"Who makes item{n}?", ["guide"], True) for n in range(10)]
    questions = held + dev + free
    _, test = split_questions(questions, groups_of(questions), 0.2, seed=0)
    assert test[:9].tolist() == list(range(9))
    assert len(test) == 11
    assert min(test[9:]) >= 18
