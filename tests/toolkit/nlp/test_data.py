"""The data stage: what it leaves, what it finds repeated, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import papers
import pytest
from nlp import data
from nlp.settings import PROJECT, Params
from toolkit.documents.questions import read_subset
from toolkit.documents.reading import read_documents
from toolkit.project.errors import UserError

THINGS = [
    "boiler",
    "roof",
    "cellar",
    "garden",
    "lift",
    "stairs",
    "windows",
    "doors",
    "mailbox",
    "hedge",
    "gutter",
    "chimney",
    "garage",
    "lamp",
    "fence",
    "pump",
    "meter",
    "drain",
    "balcony",
    "bell",
]
COLOURS = ["red", "blue", "green", "yellow"]
OWN = Params.model_validate({"data": {"source": "folder"}, "split": {"test_size": 0.25}})


def write(root: Path, extra: dict[str, str] | None = None) -> Path:
    """Own documents, good and bad, and questions on them."""
    papers.write(root / "data/raw")
    for name, text in (extra or {}).items():
        (root / "data/raw" / name).write_text(text, "utf-8")
    names = [name.rsplit(".", 1)[0] for name in papers.GOOD]
    lines: list[dict[str, Any]] = [
        {"question": f"Who looks after the {thing}?", "relevant": [names[n % len(names)]]}
        for n, thing in enumerate(THINGS)
    ]
    lines += [{"question": f"Is {colour} paint dear?", "relevant": []} for colour in COLOURS]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (root / "data/questions.jsonl").write_text(text, "utf-8")
    return root


def run(root: Path, params: Params) -> dict[str, Any]:
    return data.run(replace(PROJECT, root=root), params)


def test_own_documents_become_two_subsets_and_a_report(tmp_path: Path) -> None:
    report = run(write(tmp_path), OWN)
    assert report["rows_used"] == len(papers.GOOD)
    assert report["rows_read"] == len(papers.GOOD) + len(papers.BAD)
    assert report["rows_dropped"]["cannot be read"] == len(papers.BAD)
    assert {each["file"] for each in report["unreadable"]} == set(papers.BAD)
    assert any("table.xlsx" in warning["examples"] for warning in report["warnings"])
    train, test = read_subset(tmp_path, "train"), read_subset(tmp_path, "test")
    assert (len(train), len(test)) == (18, 6)
    assert sum(not each.answerable for each in test) == 1
    assert json.loads((tmp_path / "reports/data.json").read_text("utf-8")) == report
    assert len(read_documents(tmp_path)) == len(papers.GOOD)
    assert "bad/empty.md is empty" in (tmp_path / "DATA.md").read_text("utf-8").replace("\\", "")


def test_a_repeated_document_is_left_out_and_its_questions_are_led_to_the_other(
    tmp_path: Path,
) -> None:
    root = write(tmp_path)
    copy = (root / "data/raw/guide.md").read_text("utf-8")
    (root / "data/raw/again.txt").write_text(copy, "utf-8")
    (root / "data/raw/near.txt").write_text(f"{copy}{copy}{copy} Yearly.", "utf-8")
    report = run(root, OWN)
    assert report["same"] == {"guide": "again"}
    assert report["rows_dropped"]["repeat another word for word"] == 1
    asked = [*read_subset(root, "train"), *read_subset(root, "test")]
    named = {name for each in asked for name in each.relevant}
    assert "again" in named
    assert "guide" not in named
    assert ["again", "near"] in report["near_duplicates"]
    check = next(c for c in report["leaks"] if c["check"] == "near-duplicates labelled differently")
    assert check["status"] == "warning"


def test_two_files_of_one_name_are_one_document(tmp_path: Path) -> None:
    report = run(write(tmp_path, {"guide.txt": "Another guide with other words."}), OWN)
    reasons = {each["file"]: each["reason"] for each in report["unreadable"]}
    assert "same name" in reasons["guide.txt"]


def test_few_documents_keep_those_that_questions_name(tmp_path: Path) -> None:
    root = write(tmp_path, {f"more{n}.txt": f"Words number {n} of no use." for n in range(9)})
    limited = OWN.model_copy(update={"data": OWN.data.model_copy(update={"limit": 7})})
    report = run(root, limited)
    assert report["rows_used"] == 7
    kept = {each.id for each in read_documents(root)}
    assert {name.rsplit(".", 1)[0] for name in papers.GOOD} <= kept


def test_the_same_files_give_the_same_split(tmp_path: Path) -> None:
    first = run(write(tmp_path), OWN)
    subsets = [read_subset(tmp_path, subset) for subset in ("train", "test")]
    assert run(tmp_path, OWN) == first
    assert [read_subset(tmp_path, subset) for subset in ("train", "test")] == subsets


def test_a_folder_without_documents_is_refused_with_the_reason(tmp_path: Path) -> None:
    root = write(tmp_path)
    for name in papers.GOOD:
        (root / "data/raw" / name).unlink()
    with pytest.raises(UserError, match=r"0 documents that can be read.*archive\.docx"):
        run(root, OWN)
    missing = OWN.model_copy(update={"data": OWN.data.model_copy(update={"path": "nowhere"})})
    with pytest.raises(UserError, match="is not a folder"):
        run(root, missing)


@pytest.mark.parametrize("name", ["path", "questions"])
def test_what_lies_outside_the_project_is_refused(tmp_path: Path, name: str) -> None:
    inside = write(tmp_path / "project")
    outside = OWN.model_copy(update={"data": OWN.data.model_copy(update={name: "../x"})})
    with pytest.raises(UserError, match="inside the project"):
        run(inside, outside)
