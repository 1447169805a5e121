"""What DVC is told of a run: the overrides, and the state of the data's source."""

from dataclasses import replace

import pytest
from layers import params_yaml
from tabular.settings import PROJECT
from toolkit.commands import pipeline
from toolkit.project import yaml_files


@pytest.fixture
def root(tmp_path):
    (tmp_path / "params.yaml").write_text(params_yaml("tabular"), "utf-8")
    return tmp_path


def write_inputs(root, overrides):
    pipeline.write_inputs(replace(PROJECT, root=root), overrides)


def inputs(root):
    return yaml_files.load((root / pipeline.INPUTS).read_text("utf-8"))


def test_overrides_are_recorded_and_forgotten_by_the_next_run(root):
    write_inputs(root, ["seed=3", "cv.folds=4"])
    assert pipeline.recorded_overrides(root) == ["seed=3", "cv.folds=4"]
    write_inputs(root, [])
    assert pipeline.recorded_overrides(root) == []


def test_the_same_call_writes_the_same_bytes(root):
    write_inputs(root, ["seed=3"])
    before = (root / pipeline.INPUTS).read_bytes()
    write_inputs(root, ["seed=3"])
    assert (root / pipeline.INPUTS).read_bytes() == before


def test_dvc_is_told_whether_there_is_git(root):
    (root / ".dvc").mkdir()
    pipeline._set_scm(root)
    assert "no_scm = true" in (root / ".dvc/config.local").read_text()
    (root / ".git").mkdir()
    pipeline._set_scm(root)
    assert "no_scm" not in (root / ".dvc/config.local").read_text()


def test_what_the_owner_told_dvc_stays(root):
    local = root / ".dvc/config.local"
    local.parent.mkdir()
    local.write_text("['remote \"storage\"']\n    url = s3://mine/folder\n")
    pipeline._set_scm(root)
    outside = local.read_text()
    (root / ".git").mkdir()
    pipeline._set_scm(root)
    inside = local.read_text()
    assert "no_scm = true" in outside
    assert "no_scm" not in inside
    for text in (outside, inside):
        assert "['remote \"storage\"']\n    url = s3://mine/folder" in text


def test_dvc_names_the_settings_and_files_that_changed(tmp_path):
    (tmp_path / "dvc.yaml").write_text(
        "stages: {a: {cmd: echo 1 > out.txt, deps: [src.py], params: [seed, costs.one], outs: [out.txt]}}",
        "utf-8",
    )
    (tmp_path / "params.yaml").write_text("seed: 0\ncosts: {one: 1}\n", "utf-8")
    (tmp_path / "src.py").write_text("x = 1\n", "utf-8")
    pipeline._dvc(tmp_path, "init", "--quiet", "--no-scm")
    pipeline._dvc(tmp_path, "repro", "--quiet")
    assert pipeline.changed(tmp_path) == []
    (tmp_path / "params.yaml").write_text("seed: 0\ncosts: {one: 2}\n", "utf-8")
    (tmp_path / "src.py").write_text("x = 2\n", "utf-8")
    assert pipeline.changed(tmp_path) == ["costs.one", "src.py"]
