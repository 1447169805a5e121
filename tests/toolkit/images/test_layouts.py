"""Folders as people download them: recognised, told, or refused with what would be right."""

import zipfile
from collections import Counter
from pathlib import Path

import pytest
from toolkit.images.archives import archives_of, unpack
from toolkit.images.layouts import Layout, recognise
from toolkit.project.errors import UserError


def lay(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def counts(layout: Layout) -> dict[tuple[str, str | None], int]:
    return dict(Counter((each.label, each.subset) for each in layout.files))


def both(*folders: str) -> list[str]:
    return [
        f"{folder}/{label}/{n}.png"
        for folder in folders
        for label in ("cat", "dog")
        for n in (1, 2)
    ]


@pytest.mark.parametrize(
    "names",
    [
        both("train", "val", "test"),
        both("Train", "valid", "Testing"),
        both("training_set", "validation-set", "TEST"),
        both("archive/data/train", "archive/data/val", "archive/data/test"),
        both("seg_train/seg_train", "seg_val/seg_val", "seg_test/seg_test"),
        [
            f"{a}/{s}/{n}.JPG"
            for a in ("cat", "dog")
            for s in ("train", "val", "test")
            for n in (1, 2)
        ],
    ],
)
def test_a_given_test_folder_stays_one_and_validation_joins_training(
    tmp_path: Path, names: list[str]
) -> None:
    layout = recognise(lay(tmp_path, *names, "__MACOSX/train/cat/._1.png"))
    assert counts(layout) == {
        (label, subset): n for label in ("cat", "dog") for subset, n in (("train", 4), ("test", 2))
    }
    assert "given test set is kept" in layout.told[0]


def test_without_a_test_folder_the_test_set_is_drawn(tmp_path: Path) -> None:
    layout = recognise(lay(tmp_path, *both("train", "val"), "test/7.png"))
    assert counts(layout) == {("cat", None): 4, ("dog", None): 4}
    assert "the test set is drawn" in layout.told[0]
    assert "no folders of classes in them: test" in layout.told[1]
    assert layout.others == ["test/7.png"]


def test_trains_and_tests_may_be_classes(tmp_path: Path) -> None:
    layout = recognise(lay(tmp_path, "train/1.png", "train/2.png", "bus/3.png", "test/old/4.png"))
    assert counts(layout) == {("bus", None): 1, ("test", None): 1, ("train", None): 2}


def test_a_class_that_only_the_test_folder_has_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, *both("train", "test"), "test/Cat/3.png")
    with pytest.raises(UserError, match="'Cat'"):
        recognise(tmp_path)


@pytest.mark.parametrize(
    "table",
    [
        "file,label\n1.png,cat\n2.png,dog\n3.png,cat\n4.png,dog\n",
        "id;site;Class Name\n1;A;cat\n2;B;dog\n3;C;cat\n4;D;dog\n",
        "\ufeffname\tbreed\nimages/1.png\tcat\nimages/2.png\tdog\nimages/3.png\tcat\nIMAGES/4.PNG\tdog\n",
        "1.png,cat\n2.png,dog\n3.png,cat\n4.png,dog\n",
        "image,cat,dog\n1,1,0\n2,0,1\n3,1.0,0.0\n4,0,1\n",
        "path,what\n./images/1.png,cat\nimages\\2.png,dog\n3.png,cat\n4.png,dog\ngone.png,dog\n",
    ],
)
@pytest.mark.parametrize("folder", ["images/", ""])
def test_a_table_beside_the_images_names_their_classes(
    tmp_path: Path, table: str, folder: str
) -> None:
    lay(tmp_path, *[f"{folder}{n}.png" for n in range(1, 6)])
    (tmp_path / "labels.csv").write_text(table, "utf-8")
    layout = recognise(tmp_path)
    assert [(each.path.name, each.label) for each in layout.files] == [
        ("1.png", "cat"), ("2.png", "dog"), ("3.png", "cat"), ("4.png", "dog")
    ]  # fmt: skip
    assert "Classes are read from labels.csv" in layout.told[0]
    assert any("5.png" in sentence for sentence in layout.told)


def test_two_columns_that_may_be_the_class_are_asked_about(tmp_path: Path) -> None:
    lay(tmp_path, *[f"{n}.png" for n in range(4)])
    rows = "".join(f"{n},{'ab'[n % 2]},{'xy'[n // 2]}\n" for n in range(4))
    (tmp_path / "list.csv").write_text("file,shape,colour\n" + rows)
    with pytest.raises(UserError, match=r"'shape', 'colour'.*data.label_column"):
        recognise(tmp_path)
    assert [each.label for each in recognise(tmp_path, "colour").files] == list("xxyy")
    with pytest.raises(UserError, match="'smell', which is not a column"):
        recognise(tmp_path, "smell")


def test_a_table_may_give_the_test_set(tmp_path: Path) -> None:
    lay(tmp_path, *[f"img/{n}.png" for n in range(4)])
    rows = "".join(f"{n}.png,{'ab'[n % 2]},{('train', 'test')[n // 2]}\n" for n in range(4))
    (tmp_path / "list.csv").write_text("file,label,split\n" + rows)
    assert [each.subset for each in recognise(tmp_path).files] == ["train", "train", "test", "test"]


def test_a_competition_s_tables(tmp_path: Path) -> None:
    """Labels for the training folder only; those of the submission are nobody's."""
    lay(tmp_path, *[f"train/{n}.jpg" for n in range(4)], *[f"test/{n}.jpg" for n in range(4, 6)])
    (tmp_path / "train.csv").write_text("id,label\n0,a\n1,b\n2,a\n3,b\n")
    (tmp_path / "sample_submission.csv").write_text("id,label\n4,a\n5,a\n")
    assert counts(recognise(tmp_path)) == {("a", None): 2, ("b", None): 2}


def test_contradicting_rows_are_told(tmp_path: Path) -> None:
    lay(tmp_path, *[f"{n}.png" for n in range(4)])
    (tmp_path / "l.csv").write_text(
        "file,label\n0.png,a\n0.png,b\n1.png,a\n1.png,a\n2.png,b\n3.png,b\n"
    )
    layout = recognise(tmp_path)
    assert [each.path.name for each in layout.files] == ["1.png", "2.png", "3.png"]
    assert any("1 files have rows of several classes" in each for each in layout.told)


def test_a_table_beside_folders_of_classes_changes_nothing(tmp_path: Path) -> None:
    lay(tmp_path, *[f"{a}/{n}.png" for a in ("cat", "dog") for n in (1, 2)])
    (tmp_path / "cameras.csv").write_text(
        "file,camera\ncat/1.png,A\ncat/2.png,B\ndog/1.png,A\ndog/2.png,B\n"
    )
    layout = recognise(tmp_path)
    assert counts(layout) == {("cat", None): 2, ("dog", None): 2}
    assert layout.others == ["cameras.csv"]


def pack(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return path


@pytest.mark.parametrize(
    "name", ["../outside.png", "/etc/outside.png", "a/../../b.png", "C:\\b.png", "..\\b.png"]
)
def test_an_archive_that_reaches_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="outside its own folder"):
        unpack([pack(tmp_path / "a.zip", "cat/1.png", name)], tmp_path / "unpacked")
    assert not list(tmp_path.rglob("*.png"))


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("cat/1.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="outside its own folder"):
        unpack([tmp_path / "a.zip"], tmp_path / "unpacked")


def test_archives_are_unpacked_once_and_again_when_they_change(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    pack(raw / "train.zip", *both("train"), "__MACOSX/train/cat/._1.png", ".DS_Store")
    pack(raw / "test.ZIP", *both("test"))
    folder = unpack(archives_of(raw), tmp_path / "unpacked")
    assert sum(counts(recognise(folder)).values()) == 8
    assert unpack(archives_of(raw), tmp_path / "unpacked") == folder
    pack(raw / "train.zip", *both("train"), "train/cat/9.png")
    other = unpack(archives_of(raw), tmp_path / "unpacked")
    assert other != folder
    assert not folder.exists()
    lay(raw, "cat/1.png")
    assert archives_of(raw) == []  # unpacked by hand already


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", *both("train"))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"a\.zip is damaged"):
        unpack([path], tmp_path / "unpacked")
