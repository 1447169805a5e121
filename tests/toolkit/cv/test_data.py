"""The data stage on folders as people have them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from small_images import CLASSES, drawn, params, run_data, write
from toolkit.images.dataset import read_dataset
from toolkit.images.duplicates import connected
from toolkit.project.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "data/raw")
    return tmp_path


def finding(report: dict[str, Any], check: str) -> dict[str, Any]:
    return next(found for found in report["leaks"] if found["check"] == check)


def test_a_folder_a_class_is_enough(root: Path) -> None:
    report = run_data(root, params())
    train, test = read_dataset(root, "train"), read_dataset(root, "test")
    assert report["rows_used"] == len(train) + len(test) == 60
    assert len(test) == 12
    assert np.bincount(test.y).tolist() == [4, 4, 4]
    assert train.classes == list(CLASSES)
    assert not {e["file"] for e in train.entries} & {e["file"] for e in test.entries}
    assert all(train.path(row).is_file() for row in train.positions)
    assert "## Images" in (root / "DATA.md").read_text("utf-8")
    assert json.loads((root / "data/schema.json").read_text())["image"] == {
        "side": 24,
        "mode": "RGB",
        "max_megapixels": 25.0,
    }


def test_what_cannot_be_read_is_named_and_excluded(root: Path) -> None:
    (root / "data/raw/disc/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (root / "data/raw/disc/text.jpg").write_text("no picture")
    (root / "data/raw/disc/notes.txt").write_text("by Ada")
    (root / "data/raw/disc/.hidden.png").write_text("left by a file manager")
    report = run_data(root, params())
    assert [each["file"] for each in report["unreadable"]] == ["disc/broken.png", "disc/text.jpg"]
    assert report["rows_read"] == 62
    assert report["rows_dropped"] == {"cannot be decoded": 2}
    told = " ".join(report["warnings"])
    assert "disc/broken.png" in told
    assert "notes.txt" in told
    assert ".hidden" not in told


def test_folders_as_people_have_them(root: Path) -> None:
    """Odd names, deep folders, capital endings, an empty class and one of broken files."""
    raw = root / "data/raw"
    (raw / "disc").rename(raw / "Scheiben & Ähnliches #1")
    deep = raw / "cross/from Ada/2024"
    deep.mkdir(parents=True)
    drawn("cross", np.random.default_rng(5)).save(deep / "eine große 图片.PNG")
    for name in ("nothing", "broken"):
        (raw / name).mkdir()
    (raw / "broken/a.jpg").write_bytes(b"")
    report = run_data(root, params())
    counts = {"Scheiben & Ähnliches #1": 20, "cross": 21, "stripes": 20}
    assert report["target"]["classes"] == counts
    assert any("broken, nothing" in warning for warning in report["warnings"])
    assert [each["file"] for each in report["unreadable"]] == ["broken/a.jpg"]
    files = [e["file"] for subset in ("train", "test") for e in read_dataset(root, subset).entries]
    assert "data/raw/cross/from Ada/2024/eine große 图片.PNG" in files


def test_copies_stay_together_whatever_their_size_and_format(root: Path) -> None:
    rng = np.random.default_rng(9)
    for number in range(8):
        image = drawn("disc", rng, side=64)
        image.save(root / f"data/raw/disc/a{number}.png")
        ImageEnhance.Brightness(image.resize((100, 100))).enhance(1.01).save(
            root / f"data/raw/disc/z{number}.jpg", quality=90
        )
    report = run_data(root, params())
    subsets = {}
    for subset in ("train", "test"):
        for entry in read_dataset(root, subset).entries:
            subsets[Path(entry["file"]).stem] = subset
    for number in range(8):
        assert subsets[f"a{number}"] == subsets[f"z{number}"], number
    assert finding(report, "near-duplicates-across-split")["status"] == "passed"
    assert "Pairs of images that look the same" in report["leaks"][0]["detail"]


def test_an_image_under_two_classes_is_named(root: Path) -> None:
    content = (root / "data/raw/disc/000.png").read_bytes()
    (root / "data/raw/cross/again.png").write_bytes(content)
    found = finding(run_data(root, params()), "same-picture-two-classes")
    assert found["status"] == "warning"
    assert "disc/000.png" in found["detail"]
    assert "cross/again.png" in found["detail"]


def test_files_that_tell_the_class_are_found(root: Path) -> None:
    for label, side in zip(CLASSES, (20, 30, 40), strict=True):
        for path in (root / "data/raw" / label).iterdir():
            Image.open(path).resize((side, side)).save(path)
    found = finding(run_data(root, params()), "file-tells-class")
    assert found["status"] == "warning"


def test_what_a_name_s_group_captures_stays_together(root: Path) -> None:
    group = r"/\d*(\d)\.png$"  # the last digit of the number
    run_data(root, params(data={"group": group}, split={"test_size": 0.3}))
    digits = [
        {Path(entry["file"]).stem[-1] for entry in read_dataset(root, subset).entries}
        for subset in ("train", "test")
    ]
    assert not digits[0] & digits[1]
    with pytest.raises(UserError, match="does not match"):
        run_data(root, params(data={"group": "person_(.)"}))
    with pytest.raises(UserError, match="not a regular expression"):
        run_data(root, params(data={"group": "("}))


def test_a_limit_keeps_every_class(root: Path) -> None:
    report = run_data(root, params(data={"limit": 30}))
    assert report["target"]["classes"] == dict.fromkeys(CLASSES, 10)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda raw: None, "not a folder"),
        (lambda raw: raw.mkdir(parents=True), "one folder|holds no folders"),
        (lambda raw: write(raw, 5, ("disc",)), "one class, 'disc'"),
        (lambda raw: write(raw, 1, ("cross", "disc")), "Only one image"),
        (lambda raw: (raw / "cat").mkdir(parents=True), "No image"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_with_a_reason(
    tmp_path: Path, make: Any, words: str
) -> None:
    make(tmp_path / "data/raw")
    with pytest.raises(UserError, match=words):
        run_data(tmp_path, params())


def test_groups_are_chains_of_pairs() -> None:
    assert connected(6, [(0, 2), (2, 5), (3, 4)]).tolist() == [0, 1, 0, 3, 3, 0]
