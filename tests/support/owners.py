"""What owners do to a project, and what a release does to the template meanwhile."""

import re
from dataclasses import dataclass
from pathlib import Path

from projects import PACKAGE, git
from updates import edit

DUMMY = 'lambda _: __import__("sklearn.dummy", fromlist=["x"]).DummyClassifier(strategy="uniform")'
COIN = f'        Candidate("coin", "Mine.", {DUMMY}),\n'


@dataclass(frozen=True)
class Owner:
    """Edits of a role, each as what is there once and what replaces it.

    Attributes
    ----------
    feature : (str, str)
        In `features.py`.
    changed : (str, str)
        A candidate of `models.py`.
    added : (str, str)
        Where in `models.py` another candidate goes, and with it.
    small : tuple of str
        Settings of a run of a minute.
    """

    feature: tuple[str, str]
    changed: tuple[str, str]
    added: tuple[str, str]
    small: tuple[str, ...]


BOOSTERS = "        *make_boosters(classes, seed),\n"
CNN = '        Candidate(\n            "small CNN",\n'
TFIDF = '        Candidate(\n            "TF-IDF",\n'
TABULAR = Owner(
    feature=('return {"missing_fields"', 'return {"twice": 2.0 * missing, "missing_fields"'),
    changed=("n_estimators=60,", "n_estimators=61,"),
    added=(BOOSTERS, BOOSTERS + COIN),
    small=(
        "data.limit=4000", "cv.folds=3",
        "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, tuned LightGBM, soft vote]",
    ),
)  # fmt: skip
OWNERS = {
    "tabular": TABULAR,
    "mlops": TABULAR,
    "cv": Owner(
        feature=("SIDE = 16", "SIDE = 12"),
        changed=("scaled_logistic_regression(0.1)", "scaled_logistic_regression(0.2)"),
        added=(CNN, COIN + CNN),
        small=("data.limit=400", "cv.folds=3", "network.epochs=5", "images.size=16"),
    ),
    "nlp": Owner(
        feature=("n = max(len(asked), 1)", "n = max(len(asked), 2)"),
        changed=("a logistic regression on seven features", "a regression on seven features"),
        added=(TFIDF, TFIDF.replace("TF-IDF", "words") + '            "Mine.",\n'
               '            lambda _: Retriever(corpus, [Setup("tfidf", False, 1)]),\n        ),\n' + TFIDF),
        small=("data.limit=30", "cv.folds=3"),
    ),
}  # fmt: skip
PROSE = "Dispatchers call a second crew."
RESULT = "The model scores a test ROC AUC of 0.700."
JOB = """name: Mine
on: push
permissions: {}
jobs:
  mine:
    runs-on: ubuntu-latest
    steps:
      - run: echo mine
"""


def make_mine(project: Path, role: str) -> None:
    """Edit a fresh project in every place an owner does."""
    package, owner = project / "src" / PACKAGE, OWNERS[role]
    edit(project / "params.yaml", "\nseed: 0", "\nseed: 7")
    edit(package / "features.py", *owner.feature)
    edit(package / "models.py", *owner.changed)
    edit(package / "models.py", *owner.added)
    (package / "mine.py").write_text('"""Mine."""\n\nMINE = 1\n', "utf-8")
    # What a run writes, what the owner writes around it, and a section of their own.
    readme = project / "README.md"
    text = readme.read_text("utf-8")
    for name in re.findall(r"<!-- (.*):start -->", text):
        block = rf"(<!-- {name}:start -->\n).*?(<!-- {name}:end -->)"
        text = re.sub(block, rf"\g<1>{RESULT}\n\g<2>", text, flags=re.DOTALL)
    text = re.sub(r"<!-- owner: .* -->", PROSE, text)
    text = text.replace("## Run it", f"## Thanks\n\n{PROSE}\n\n## Run it")
    readme.write_text(text, "utf-8")
    edit(project / "LICENSE", "Copyright (c) ", "Copyright (c) 2025 ")
    (project / ".github/workflows/own.yml").write_text(JOB, "utf-8")
    (project / ".pre-commit-config.yaml").unlink()
    (project / "tests/test_running_service.py").unlink()
    (project / "tests/test_data.py").rename(project / "tests/test_rows.py")
    (project / "tests/test_mine.py").write_text(
        f"from {PACKAGE}.mine import MINE\n\n\ndef test_mine():\n    assert MINE\n", "utf-8"
    )


def is_mine(project: Path, role: str) -> bool:
    """Whether all of that is still there."""
    package, owner = project / "src" / PACKAGE, OWNERS[role]
    assert "\nseed: 7" in (project / "params.yaml").read_text("utf-8")
    assert owner.feature[1] in (package / "features.py").read_text("utf-8")
    models = (package / "models.py").read_text("utf-8")
    assert owner.changed[1] in models
    assert owner.added[1] in models
    assert (package / "mine.py").exists()
    text = (project / "README.md").read_text("utf-8")
    assert "<!-- owner:" not in text
    assert text.count(RESULT) >= 5
    assert f"## Thanks\n\n{PROSE}\n" in text
    assert "Copyright (c) 2025 " in (project / "LICENSE").read_text("utf-8")
    assert (project / ".github/workflows/own.yml").read_text("utf-8") == JOB
    for name in (".pre-commit-config.yaml", "tests/test_running_service.py", "tests/test_data.py"):
        assert not (project / name).exists(), name
    assert (project / "tests/test_rows.py").exists()
    assert (project / "tests/test_mine.py").exists()
    return True


MOVED = ("toolkit/training/git.py", "toolkit/project/history.py")
ACTION = re.compile(r"(actions/checkout@)\w{40} # v[\d.]+")
NEW_PIN = r"\1>=1.15.1"  # of what is last, or nearly so, before the owner's own
NEW_ACTION = "0" * 40 + " # v7.9.9"


def improve(template: Path) -> None:
    """Move a module, ask one more question, bump an action and pins, add to the README."""
    base = template / "template" / "{{ base }}"
    package = base / "src" / "{{ package_name }}"
    git(template, "mv", *(str(package / name) for name in MOVED))
    for path in (template / "template").rglob("*.py"):
        text = path.read_text("utf-8")
        moved = text.replace("..training.git import", "..project.history import")
        moved = moved.replace("from .git import", "from ..project.history import")
        if moved != text:
            path.write_text(moved, "utf-8")
    for path in (template / "template").glob("*/dvc.yaml.jinja"):  # as `make generate` would
        path.write_text(path.read_text("utf-8").replace(*MOVED), "utf-8")
    question = "team:\n  type: str\n  help: Whose is it?\n  default: nobody\n\nlicense:\n  type"
    edit(template / "copier.yml", "license:\n  type", question)
    support = "## Support\n\nAsk {{ team }}.\n\n## Licence"
    edit(base / "README.md.jinja", "## Licence", support)
    for path in (template / "template").glob("*/.github/workflows/*"):
        path.write_text(ACTION.sub(rf"\g<1>{NEW_ACTION}", path.read_text("utf-8")), "utf-8")
    for path in (template / "template").glob("*/_words/serving.toml.jinja"):
        text = path.read_text("utf-8")
        path.write_text(re.sub('(onnxruntime|stop-words)>=.*(?=",)', NEW_PIN, text), "utf-8")
    edit(base / "pyproject.toml.jinja", "types-tqdm>=4.66", "types-tqdm>=4.67")
    # Hashes of the neighbours of what an owner would add.
    for path in (template / "template").glob("*/requirements/serving.txt"):
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"(\n(?:httptools|idna)==\S+ \\\n) .*\\\n", r"\1", text), "utf-8")


def is_improved(project: Path) -> bool:
    """Whether all of that has arrived."""
    package = project / "src" / PACKAGE
    assert not (package / MOVED[0]).exists()
    assert (package / MOVED[1]).exists()
    assert "team: nobody" in (project / ".copier-answers.yml").read_text("utf-8")
    assert "Ask nobody." in (project / "README.md").read_text("utf-8")
    for path in (project / ".github/workflows").glob("*.yml"):
        assert all(
            NEW_ACTION in line
            for line in path.read_text("utf-8").splitlines()
            if "/checkout@" in line
        )
    pyproject = (project / "pyproject.toml").read_text("utf-8")
    assert re.search(NEW_PIN.replace("\\1", ""), pyproject)
    assert "types-tqdm>=4.67" in pyproject
    return True
