"""A model and the ladder it comes from are put in place together, or neither is."""

import json

import pytest
from toolkit.project.errors import UserError
from toolkit.project.files import write_json
from toolkit.training import bundle


@pytest.fixture
def root(tmp_path):
    (tmp_path / "reports").mkdir()
    put(tmp_path, "old")
    return tmp_path


def put(root, version):
    with bundle.replacing(root, ladder={"chosen": version}) as work:
        write_json(work / "metadata.json", {"model_version": version})


def in_place(root):
    ladder = json.loads((root / bundle.LADDER).read_text())
    return ladder["chosen"], json.loads((root / bundle.BUNDLE / "metadata.json").read_text())[
        "model_version"
    ]


def test_both_are_new(root):
    write_json(root / bundle.REFUSED, {"chosen": "none"})
    put(root, "new")
    assert in_place(root) == ("new", "new")
    assert bundle.read_ladder(root)["model_version"] == "new"
    assert [path.name for path in (root / "reports").iterdir()] == ["ladder.json"]


@pytest.mark.parametrize("fails", ["in the block", "write_json", "replace_folder"])
def test_a_training_that_fails_late_leaves_both(root, monkeypatch, fails):
    def full(*_):
        raise OSError(28, "No space left on device")

    def train():
        with bundle.replacing(root, ladder={"chosen": "new"}) as work:
            write_json(work / "metadata.json", {"model_version": "new"})
            if fails == "in the block":
                full()
            monkeypatch.setattr(bundle, fails, full)

    with pytest.raises(OSError, match="No space"):
        train()
    assert in_place(root) == ("old", "old")
    assert [path.name for path in (root / "reports").iterdir()] == ["ladder.json"]
    assert [path.name for path in (root / "models").iterdir()] == ["current"]


def test_a_ladder_of_another_model_is_told(root):
    write_json(root / bundle.BUNDLE / "metadata.json", {"model_version": "new"})
    with pytest.raises(UserError, match=r"is of model old.*holds new.*Run `train` again"):
        bundle.read_ladder(root)
    write_json(root / bundle.LADDER, {"chosen": "of an earlier release"})
    assert bundle.read_ladder(root)["chosen"] == "of an earlier release"
