"""The sample: documents and labelled questions on them."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from toolkit.documents.kinds import KINDS, kinds_of
from toolkit.documents.questions import Question
from toolkit.documents.reading import Document
from toolkit.project.errors import UserError
from toolkit.sample import scikit_learn as sample


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return sample.documents()


@pytest.fixture(scope="module")
def questions() -> list[dict]:
    return [json.loads(line) for line in sample.QUESTIONS.read_text("utf-8").splitlines()]


def answerable(questions: list[dict]) -> list[Question]:
    return [Question(**each) for each in questions if each["answerable"]]


def as_read(documents: dict[str, str]) -> list[Document]:
    return [Document(name, f"{name}.rst", name, text, "") for name, text in documents.items()]


def test_there_are_enough_documents_and_questions(
    documents: dict[str, str], questions: list[dict]
) -> None:
    assert len(documents) >= 500
    for half in ("dev", "held"):
        mine = [each for each in questions if each["half"] == half]
        found = Counter(kinds_of(answerable(mine), as_read(documents)))
        assert min(found[kind] for kind in KINDS) >= 60, found
        assert sum(not each["answerable"] for each in mine) >= 45


def test_file_names_differ_in_more_than_case(documents: dict[str, str]) -> None:
    assert len({name.lower() for name in documents}) == len(documents)
    assert {"sklearn.cluster.DBSCAN", "sklearn.cluster.dbscan-function"} <= set(documents)


def test_documents_are_read_without_sphinx(documents: dict[str, str]) -> None:
    for name, text in documents.items():
        assert len(text.split()) >= 3, name
        assert not re.search(r":(?:class|func|ref|term|meth|mod):`", text), name
        assert not re.search(r"\.\. (?:version|_|note|rubric|deprecated)", text), name
    ridge = documents["sklearn.linear_model.Ridge"]
    assert ridge.startswith("sklearn.linear_model.Ridge\n====")
    assert "\nParameters\n----------\nalpha : " in ridge


def test_every_question_is_asked_once(questions: list[dict]) -> None:
    assert len({" ".join(each["question"].lower().split()) for each in questions}) == len(questions)
    assert all(each.keys() == {"question", "relevant", "answerable", "half"} for each in questions)


def test_labels_name_documents_or_say_that_there_is_none(
    documents: dict[str, str], questions: list[dict]
) -> None:
    for each in questions:
        assert each["answerable"] == bool(each["relevant"]), each["question"]
        assert set(each["relevant"]) <= set(documents), each["question"]
        assert each["relevant"] == sorted(set(each["relevant"])), each["question"]


def test_questions_ask_about_the_whole_library(questions: list[dict]) -> None:
    asked = {name.split(".")[1] for each in questions for name in each["relevant"]}
    assert len(asked) >= 30


def test_writing_twice_leaves_the_same(tmp_path: Path, documents: dict[str, str]) -> None:
    folder, questions = tmp_path / "documents", tmp_path / "questions.jsonl"
    folder.mkdir()
    (folder / "sklearn.gone.Model.rst").write_text("of another version")
    (folder / "mine.txt").write_text("my own")
    sample.write(folder, questions)
    written = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert set(written) == {*(f"{name}.rst" for name in documents), "mine.txt"}
    assert questions.read_text("utf-8") == sample.QUESTIONS.read_text("utf-8")
    sample.write(folder, questions)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == written


def test_a_document_that_the_version_lacks_is_left_out_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mine = tmp_path / "mine.jsonl"
    lines = [
        {"question": "a", "relevant": ["sklearn.clone", "sklearn.gone"], "answerable": True},
        {"question": "b", "relevant": ["sklearn.gone"], "answerable": True},
        {"question": "c", "relevant": [], "answerable": False},
    ]
    mine.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    monkeypatch.setattr(sample, "QUESTIONS", mine)
    monkeypatch.setattr(sample, "documents", lambda: {"sklearn.clone": "A copy."})
    sample.write(tmp_path / "documents", tmp_path / "questions.jsonl")
    left = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
    assert [(each["question"], each["relevant"]) for each in left] == [
        ("a", ["sklearn.clone"]),
        ("c", []),
    ]
    assert "sklearn.gone" in caplog.text
    assert "1 questions" in caplog.text


def test_without_docstrings_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MODULES", ())
    with pytest.raises(UserError, match="OO"):
        sample.documents()
