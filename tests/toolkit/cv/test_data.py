"""The data stage on folders as people have them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance
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
        "network_side": 224,
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
    """Odd names, deep folders, capital endings, a folder of notes and an empty one."""
    raw = root / "data/raw"
    (raw / "disc").rename(raw / "Scheiben & Ähnliches #1")
    deep = raw / "cross/from Ada/2024"
    deep.mkdir(parents=True)
    drawn("cross", np.random.default_rng(5)).save(deep / "eine große 图片.PNG")
    for name in ("nothing", "notes"):
        (raw / name).mkdir()
    (raw / "notes/by Ada.txt").write_text("seen")
    report = run_data(root, params())
    counts = {"Scheiben & Ähnliches #1": 20, "cross": 21, "stripes": 20}
    assert report["target"]["classes"] == counts
    assert any("notes, nothing" in warning for warning in report["warnings"])
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


def test_consecutive_files_stay_together_whatever_their_class(root: Path) -> None:
    """Cells of one module, as it were: files 1 to 60 were taken one after the other."""
    for start, label in enumerate(CLASSES):
        for path in sorted((root / "data/raw" / label).iterdir()):
            number = 3 * int(path.stem) + start + 1
            path.rename(path.with_name(f"cell{number}.png"))
    report = run_data(root, params(data={"block": 6}))
    train, test = (read_dataset(root, subset) for subset in ("train", "test"))
    blocks = [
        {(int(Path(entry["file"]).stem[4:]) - 1) // 6 for entry in dataset.entries}
        for dataset in (train, test)
    ]
    assert blocks[0] | blocks[1] == set(range(10))
    assert not blocks[0] & blocks[1]
    assert "blocks of 6 consecutive files" in report["split"]["reason"]
    assert (test.units.name, test.units.count) == ("blocks", len(blocks[1]))
    assert train.numbers.tolist() == [int(Path(e["file"]).stem[4:]) - 1 for e in train.entries]


def test_a_table_says_how_certain_a_label_is_and_what_errors_are_grouped_by(root: Path) -> None:
    (root / "data/raw").rename(root / "made")
    (root / "data/raw/images").mkdir(parents=True)
    lines = ["file,class,certainty,site"]
    for number, path in enumerate(sorted((root / "made").rglob("*.png"))):
        path.rename(root / f"data/raw/images/{number}.png")
        lines.append(
            f"{number}.png,{path.parent.name},{1 if number % 4 else 0.5},{'ab'[number % 2]}"
        )
    table = root / "data/raw/labels.csv"
    table.write_text("\n".join(lines))
    asked = {"slices": ["site"], "certainty": "certainty"}
    report = run_data(root, params(data=asked))
    assert not any("labels.csv" in warning for warning in report["warnings"])
    train = read_dataset(root, "train")
    numbers = np.array([int(Path(entry["file"]).stem) for entry in train.entries])
    assert train.weights.tolist() == [1 if number % 4 else 0.5 for number in numbers]
    assert [e["traits"]["site"] for e in train.entries] == ["ab"[number % 2] for number in numbers]
    with pytest.raises(UserError, match="none is called 'camera'"):
        run_data(root, params(data={"slices": ["camera"]}))
    table.write_text("\n".join(lines).replace("0.5", "unsure"))
    with pytest.raises(UserError, match="'unsure' for data/raw/images/"):
        run_data(root, params(data=asked))


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


@pytest.mark.parametrize("name", ["a.jpg", "a.dcm", "a"])
def test_a_class_that_would_be_lost_is_an_error(root: Path, name: str) -> None:
    (root / "data/raw/broken").mkdir()
    (root / "data/raw/broken" / name).write_bytes(b"")
    with pytest.raises(UserError, match="None of the 1 files of class 'broken'"):
        run_data(root, params())


def test_a_given_test_folder_is_the_test_set(tmp_path: Path) -> None:
    """As competitions hand out their data; a picture in both folders is not learnt from."""
    raw = tmp_path / "data/raw"
    for name, each in (("train", 20), ("valid", 3), ("Testing", 4)):
        write(raw / name, each, ("cross", "disc"), seed=each)
    (raw / "train/disc/copy.png").write_bytes((raw / "Testing/disc/000.png").read_bytes())
    report = run_data(tmp_path, params())
    assert {entry["file"].split("/")[2] for entry in read_dataset(tmp_path, "test").entries} == {
        "Testing"
    }
    assert report["split"]["kind"] == "given"
    assert report["split"]["test"]["rows"] == 8
    assert report["split"]["train"]["rows"] == 46
    assert report["rows_dropped"] == {"shown in the given test set too": 1}
    assert "1 images for training are left out" in report["split"]["reason"]
    assert "Testing are for testing" in report["layout"][0]
    assert "Testing" in (tmp_path / "DATA.md").read_text("utf-8")


def test_a_table_and_a_zip_train_as_folders_do(tmp_path: Path) -> None:
    write(tmp_path / "made")
    raw = tmp_path / "data/raw"
    raw.mkdir(parents=True)
    lines = ["id;Diagnosis"]
    with zipfile.ZipFile(raw / "archive.zip", "w") as archive:
        for number, path in enumerate(sorted((tmp_path / "made").rglob("*.png"))):
            archive.write(path, f"images/{number}.png")
            lines.append(f"{number};{path.parent.name}")
        archive.writestr("labels.csv", "\n".join(lines))
    report = run_data(tmp_path, params())
    assert report["target"]["classes"] == dict.fromkeys(CLASSES, 20)
    train = read_dataset(tmp_path, "train")
    assert all(train.path(row).is_file() for row in train.positions)
    assert run_data(tmp_path, params(data={"path": "data/raw/archive.zip"}))["rows_used"] == 60


@pytest.mark.parametrize("kind", ["noise", "JPEG"])
def test_a_fixed_camera_s_pictures_are_trained_on(tmp_path: Path, kind: str) -> None:
    """One scene, with or without a scratch: what differs is small, and every picture is another."""
    rng = np.random.default_rng(0)
    scene = drawn("disc", rng, side=96, noise=0).resize((192, 192))
    for label in ("good", "scratched"):
        (tmp_path / "data/raw" / label).mkdir(parents=True)
        for number in range(30):
            image = scene.copy()
            if label == "scratched":
                x, y = rng.integers(50, 130, 2).tolist()
                ImageDraw.Draw(image).line((x, y, x + 25, y + 15), fill=(230, 230, 230), width=3)
            grain = np.asarray(image) + rng.normal(0, 3, (192, 192, 3))
            shown = Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8))
            name = f"{number}.png" if kind == "noise" else f"{number}.jpg"
            shown.save(tmp_path / "data/raw" / label / name)
    report = run_data(tmp_path, params())
    assert report["split"]["test"]["rows"] == 12
    assert "aligned): 0;" in report["leaks"][0]["detail"]


def test_class_names_are_one_in_either_spelling(root: Path) -> None:
    raw = root / "data/raw"
    (raw / "disc").rename(raw / "M\u00fcnze")
    other = raw / "Mu\u0308nze"
    if other.exists():
        pytest.skip("this file system knows one spelling only")
    other.mkdir()
    (raw / "M\u00fcnze/000.png").rename(other / "000.png")
    report = run_data(root, params())
    assert report["target"]["classes"]["M\u00fcnze"] == 20


def test_a_jpeg_without_its_end_is_read_and_named(root: Path) -> None:
    path = root / "data/raw/disc/cut.jpg"
    drawn("disc", np.random.default_rng(4), side=64).save(path)
    path.write_bytes(path.read_bytes()[:-2])
    report = run_data(root, params())
    assert report["rows_used"] == 61
    assert any("cut.jpg: The JPEG image lacks its end" in each for each in report["warnings"])


def test_groups_named_by_the_owner_are_chains() -> None:
    assert connected(6, [(0, 2), (2, 5), (3, 4)]).tolist() == [0, 1, 0, 3, 3, 0]
