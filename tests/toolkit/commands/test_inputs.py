"""A data file that changed is read again, wherever it lies."""

from dataclasses import replace

from layers import params_yaml
from tabular.settings import PROJECT
from toolkit.commands import pipeline
from toolkit.project import yaml_files


def write_inputs(root, overrides):
    pipeline.write_inputs(replace(PROJECT, root=root), overrides)


def test_a_changed_file_changes_the_inputs(tmp_path):
    (tmp_path / "params.yaml").write_text(params_yaml("tabular"), "utf-8")
    table = tmp_path / "mine.csv"
    own = ["data.source=file", "data.path=mine.csv"]

    def recorded() -> dict:
        write_inputs(tmp_path, own)
        return yaml_files.load((tmp_path / pipeline.INPUTS).read_text("utf-8"))["data"]

    table.write_text("a,b\n1,2\n")
    first = recorded()
    assert recorded() == first
    table.write_text("a,b\n1,3\n")
    assert recorded() != first


def test_a_database_is_read_each_time(tmp_path):
    (tmp_path / "params.yaml").write_text(params_yaml("tabular"), "utf-8")
    seen = []
    for _ in range(2):
        write_inputs(tmp_path, ["data.source=sql"])
        seen.append((tmp_path / pipeline.INPUTS).read_text("utf-8"))
    assert seen[0] != seen[1]
