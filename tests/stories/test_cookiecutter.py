"""I use Cookiecutter: it asks the same questions, writes the same bytes, and updates work."""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from generate import cookiecutter_json, questions
from projects import ROOT, clean_environment, commit, copy_template, git, render
from roles import ROLES

NAME = """A "quoted" 'name' \\ {{ 7 * 7 }} # : é 👩‍🔬"""


def cookiecutter(
    template: str,
    destination: Path,
    answers: dict[str, str] | None = None,
    *arguments: str,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess:
    """Run `cookiecutter --no-input` as a user would, with nothing of it left in the home folder."""
    destination.mkdir(exist_ok=True)
    config = destination.parent / "cookiecutter.yaml"
    folders = {
        "cookiecutters_dir": str(destination.parent / "cloned"),
        "replay_dir": str(destination.parent / "replay"),
    }
    config.write_text(yaml.safe_dump(folders))
    extra = [f"{name}={value}" for name, value in (answers or {}).items()]
    command = ["cookiecutter", "--no-input", "--config-file", str(config), *arguments]
    cwd = cwd or destination.parent
    return subprocess.run(
        [sys.executable, "-m", *command, "--output-dir", str(destination), template, *extra],
        cwd=cwd,
        env=clean_environment(PWD=str(cwd)),
        capture_output=True,
        text=True,
    )


def written(done: subprocess.CompletedProcess, destination: Path) -> Path:
    assert done.returncode == 0, done.stderr
    (project,) = destination.iterdir()
    return project


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def same_bytes(one: Path, other: Path) -> bool:
    assert files(one) == files(other)
    _, different, errors = filecmp.cmpfiles(one, other, files(one), shallow=False)
    assert (different, errors) == ([], [])
    return True


def test_it_asks_what_copier_asks() -> None:
    """`make generate` was run after the last change to `copier.yml`."""
    assert (ROOT / "cookiecutter.json").read_text("utf-8") == cookiecutter_json()
    asked = [name for name, q in questions().items() if q.get("when") is not False]
    content = json.loads(cookiecutter_json())
    assert [name for name in content if not name.startswith("_")] == asked
    assert list(content["__prompts__"]) == asked


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"project_name": NAME, "author_name": NAME, "description": NAME, "deploy": "fly"},
        {"project_name": "Random", "license": "BSD-3-Clause", "github_owner": "ada"},
        *({"role": role} for role in ROLES),
    ],
    ids=["defaults", "hostile", "chosen", *ROLES],
)
def test_it_writes_the_bytes_copier_writes(
    template: Path, tmp_path: Path, answers: dict[str, str]
) -> None:
    by_cookiecutter = written(
        cookiecutter(str(template), tmp_path / "out", answers), tmp_path / "out"
    )
    by_copier = render(template, tmp_path / "copier", **answers)
    assert same_bytes(by_cookiecutter, by_copier)


def test_a_typed_answer_is_never_executed(template: Path, tmp_path: Path) -> None:
    """At the prompt Cookiecutter takes text as it is; so does all that follows."""
    name = "{{ cookiecutter.role }} {% raise %}"
    config = tmp_path / "cookiecutter.yaml"
    config.write_text(yaml.safe_dump({"replay_dir": str(tmp_path / "replay")}))
    out = tmp_path / "out"
    out.mkdir()
    command = ["cookiecutter", "--config-file", str(config), "--output-dir", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", *command, str(template)],
        cwd=tmp_path,
        input=f"{name}\n" + "\n" * 7,
        capture_output=True,
        text=True,
    )
    settings = written(done, out) / "src/cookiecutter_role_raise/settings.py"
    assert f'NAME = "{name}"' in settings.read_text("utf-8")


def test_a_wrong_answer_is_named_and_leaves_nothing(template: Path, tmp_path: Path) -> None:
    done = cookiecutter(str(template), tmp_path / "out", {"author_email": "nobody"})
    assert done.returncode != 0
    assert 'The e-mail address "nobody" is not one' in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_relative_path_is_kept_as_one_an_update_finds(template: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = cookiecutter(template.name, out, cwd=template.parent)
    assert source(written(done, out)) == str(template)


def test_a_project_from_a_tagged_repository_can_be_updated(tmp_path: Path) -> None:
    """Cookiecutter with `--checkout v1`, then `copier update` to v2, by the repository's URL."""
    upstream = copy_template(tmp_path / "upstream.git")
    commit(upstream, "First", tag="v1.0.0")
    readme = upstream / "template/{{ base }}/README.md.jinja"
    readme.write_text(readme.read_text("utf-8") + "\nA line of the second release.\n", "utf-8")
    commit(upstream, "Second", tag="v2.0.0")

    url, out = upstream.as_uri(), tmp_path / "out"
    project = written(cookiecutter(url, out, {"project_name": "Mine"}, "--checkout", "v1.0.0"), out)
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8"))
    assert (answers["_commit"], answers["_src_path"]) == ("v1.0.0", url)
    assert "second release" not in (project / "README.md").read_text("utf-8")

    commit(project, "Begin")
    update = [sys.executable, "-m", "copier", "update", "--defaults", "--quiet"]
    subprocess.run(update, cwd=project, check=True, capture_output=True)
    assert "second release" in (project / "README.md").read_text("utf-8")
    assert "_commit: v2.0.0" in (project / ".copier-answers.yml").read_text("utf-8")
    assert "README.md" in git(project, "diff", "--name-only")


def test_the_newest_release_is_taken_when_none_is_named(tmp_path: Path) -> None:
    upstream = copy_template(tmp_path / "upstream.git")
    commit(upstream, "Released", tag="v1.0.0")
    commit(upstream, "In the works")
    out = tmp_path / "out"
    project = written(cookiecutter(upstream.as_uri(), out), out)
    assert "_commit: v1.0.0" in (project / ".copier-answers.yml").read_text("utf-8")


def test_copier_is_fetched_where_it_is_absent(template: Path, tmp_path: Path) -> None:
    """Cookiecutter alone in an environment: the hook runs Copier through uvx."""
    out = tmp_path / "out"
    out.mkdir()
    uv = Path(os.environ.get("UV", "uv")).parent
    done = without(
        "cookiecutter",
        *("cookiecutter", "--no-input", "--output-dir", str(out), str(template)),
        cwd=tmp_path,
        PATH=f"{uv}{os.pathsep}{os.environ['PATH']}",
    )
    assert same_bytes(written(done, out), render(template, tmp_path / "copier"))


def without(name: str, *arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess:
    """Run a command of a package alone in an environment, which has no Copier."""
    uv = shutil.which(os.environ.get("UV", "uv")) or ""
    tool = [uv, "tool", "run", "--isolated", "--python", sys.executable, "--from", name]
    return subprocess.run(
        [*tool, *arguments],
        cwd=cwd,
        env=clean_environment(
            HOME=str(cwd / "home"),
            UV_CACHE_DIR=subprocess.check_output([uv, "cache", "dir"], text=True).strip(),
            **env,
        ),
        capture_output=True,
        text=True,
    )


def test_cruft_is_told_what_to_type_and_leaves_nothing(template: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    command = ("cruft", "create", "--no-input", "--output-dir", str(tmp_path / "out"))
    done = without("cruft", *command, str(template), cwd=tmp_path)
    assert done.returncode != 0
    assert f"mlstart: type `uvx copier copy {template} my-project`" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_without_copier_and_network_it_says_what_to_type(template: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    # Git, and nothing that would fetch Copier; an index that is not there.
    (tmp_path / "bin").mkdir()
    for name in ("dirname", "env", "git", "realpath", "sh"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    done = without(
        "cookiecutter",
        *("cookiecutter", "--no-input", "--output-dir", str(out), str(template)),
        cwd=tmp_path,
        PATH=str(tmp_path / "bin"),
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS="",
    )
    assert done.returncode == 1, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("mlstart")]
    assert said == [
        "mlstart: Copier writes the project: type `pip install 'copier>=9.5'`, then try again."
    ]
    assert list(out.iterdir()) == []


def source(project: Path) -> str:
    return yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8"))["_src_path"]
