"""I keep this template: what is generated is current, a role stays one folder, nothing leaks."""

import itertools
import re
from pathlib import Path

import pytest
import yaml
from generate import names_of, questions, reserved, reserved_names, roles
from jinja2 import Environment
from projects import ROOT, Project, git
from roles import ROLES

pytestmark = pytest.mark.quick

ROOMS = sorted(path.name for path in (ROOT / "template").glob("{{ *") if path.is_dir())


def tracked() -> list[Path]:
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def test_the_tests_render_every_role_one_can_choose() -> None:
    assert roles() == ROLES


def test_a_role_is_one_folder_and_one_hidden_answer() -> None:
    """What adding a role takes: no other file of the frame knows its name."""
    assert {room.strip("{} ") for room in ROOMS} <= set(questions())
    for role in ROLES:
        assert f"{{{{ {role} }}}}" in ROOMS
        assert questions()[role]["when"] is False
    base = ROOT / "template" / "{{ base }}"
    for path in base.rglob("*.jinja"):
        text = path.read_text("utf-8")
        assert not re.search(r"\brole\s*==|\brole\s+in\b|if tabular\b", text), path


def test_check_knows_the_answers_nobody_gave() -> None:
    """`check` calls a project unfinished while it carries a default that stands for a person."""
    defaults = [questions()[n]["default"] for n in ("description", "author_name", "author_email")]
    defaults.append(questions()["github_owner"]["default"])
    check = ROOT / "template/{{ base }}/src/{{ package_name }}/toolkit/commands/check_words.py"
    for default in defaults:
        assert repr(default).replace("'", '"') in check.read_text("utf-8"), default


def rooms_on() -> list[set[str]]:
    """The rooms that go into a project together, for every answer that decides about rooms."""
    asked = questions()
    environment = Environment(autoescape=False)
    found = []
    for role, deploy in itertools.product(roles(), asked["deploy"]["choices"].values()):
        answers = {"role": role, "deploy": deploy}
        names = {room.strip("{} ") for room in ROOMS}
        on = {n for n in names if environment.from_string(asked[n]["default"]).render(answers)}
        found.append(on)
    return found


def test_no_two_rooms_of_a_project_hold_the_same_path() -> None:
    """Which of them would win is nobody's decision."""
    contents: dict[str, set[str]] = {room.strip("{} "): set() for room in ROOMS}
    for path in tracked():
        parts = path.relative_to(ROOT).parts
        if parts[0] == "template" and len(parts) > 2 and "_words" not in parts:
            contents[parts[1].strip("{} ")].add("/".join(parts[2:]).removesuffix(".jinja"))
    assert all(any(room in on for on in rooms_on()) for room in contents)
    for on in rooms_on():
        for one, other in itertools.combinations(sorted(on), 2):
            assert not contents[one] & contents[other], (one, other)


def test_the_names_a_project_may_not_have_are_complete(project: Project) -> None:
    """Everything that a project installs or the standard library has; else `make generate`."""
    found = names_of(project.path / "uv.lock", project.bin / "python")
    assert set(reserved(found)) <= set(reserved_names())


MACHINE = re.compile(
    r"/(?:root|home|Users|work|tmp|var/tmp|opt)/[\w.-]+|[A-Z]:\\Users|file:///|/simple/?\b"
)
ALLOWED = {
    # Where a virtual environment lies in the image.
    "/opt/venv",
    "/tmp/serving.txt",
}


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {}
    for path in tracked():
        if path != Path(__file__) and path.suffix not in {".png", ".onnx", ".parquet"}:
            found[path] = set(MACHINE.findall(path.read_text("utf-8"))) - ALLOWED
    assert {path: names for path, names in found.items() if names} == {}


def test_actions_are_pinned_to_a_commit_and_say_the_release() -> None:
    for path in tracked():
        if ".github" in path.parts and path.name.endswith((".yml", ".yml.jinja")):
            for line in path.read_text("utf-8").splitlines():
                if "uses:" in line:
                    assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
            assert "\npermissions: {}\n" in path.read_text("utf-8"), path


def test_the_gate_runs_what_a_contributor_runs() -> None:
    gate = ROOT / ".ci/run"
    assert gate.stat().st_mode & 0o100
    assert "make test" in gate.read_text("utf-8")


def test_every_decision_says_what_it_is() -> None:
    for path in sorted((ROOT / "docs/decisions").glob("[0-9]*.md")):
        text = path.read_text("utf-8")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], path.name
        status = r"^Date: \d{4}-\d\d-\d\d\. Status: (accepted|replaced by \d{4})\.$"
        assert re.search(status, text, re.MULTILINE), path.name


def test_answers_of_the_readme_exist() -> None:
    """What the README tells one to type is there."""
    text = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"^make (\w+)", text, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\((?!http)([^)]+)\)", text):
        assert (ROOT / link).exists(), link
    settings = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    assert list(settings) == ["data"]
