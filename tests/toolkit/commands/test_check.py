"""The readiness check: a finished project is ready, what is missing is named, and nothing fools it."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest
from layers import ROOT, rendered
from tabular.settings import PROJECT
from toolkit.commands import check, check_repository, check_results, own_words, pipeline, release
from toolkit.commands import look as look_at
from toolkit.markdown import blocks
from toolkit.reporting.documents import SKELETONS

PARAMS = SimpleNamespace(data=SimpleNamespace(source="file", path="data/raw/bills.csv"))
OURS = replace(PROJECT, name="Churn", description="Says in May which customers leave by August.")
GIT = shutil.which("git")
REMOTE, DEMO = "https://github.com/ada/churn.git", "https://ada.github.io/churn/"
CLOSED = {
    "git": True,
    "actions": "CI - passing",
    DEMO: "<title>Churn</title>",
    "github.com": "GitHub",
}
TESTS = "4f" * 32
RESULT = "The model scores a test ROC AUC of 0.713 on 5,869 rows that it never saw."
REPORTS = {
    "reports/data.json": {"leaks": [{"check": "single-feature", "status": "passed", "detail": ""}]},
    "reports/ladder.json": {"metric": "roc_auc"},
    "reports/metrics.json": {
        "primary": {"metric": "roc_auc"},
        "gain": {"roc_auc": {"value": 0.2, "ci": [0.1, 0.3]}},
        "test_openings": 1,
        "model_version": "v1",
    },
    "reports/test_openings.json": {"test_sets": {TESTS: [{"model_version": "v1", "at": "1"}]}},
    "models/current/metadata.json": {"model_version": "v1"},
}
# What an owner writes, in the order in which the documents ask for it.
WORDS = """
Crews who read these lists every Monday decide whom to call; a missed name costs us a contract.
I wrote the features about late payments and chose the costs with the sales lead.
Rows of one customer stay together because their habits would otherwise leak.
Boosting deserves to ship because 0.713 beats what our sales lead guessed last year.
Most of the 5,869 cases that went wrong had moved house within a quarter.
Next I would ask the support desk for complaints, which should bring most.
Sales decides about discounts with it, and must never refuse a contract because of it.
Callers pay with their time, customers with patience; both can write to Ada.
Ada looks at monthly figures and withdraws the model below what a rule scores.
Bills were exported by our own finance team in May and carry no licence but ours.
Nobody under eighteen is in them, and closed shops are missing since they send no bills.
Amounts are euros with tax, and the day of payment becomes known only afterwards.
Small shops pay late more often, so that they are phoned more than they deserve.
Finance adds new bills each month, and after three years the oldest must go.
Ranking is all that matters here since the team can make forty calls a day.
Next year's customers come from the same shops, which a cut by date imitates.
A gap of two points between 0.713 and the logistic one pays for the slower answer.
""".strip().splitlines()


def skeleton(name):
    folder = release.TOOLKIT / "profiling" if name == "DATA.md" else SKELETONS
    file = "datasheet.md" if name == "DATA.md" else name.rpartition("/")[2]
    return (folder / file).read_text("utf-8")


def documents():
    """Each document as its owner leaves it after a run."""
    words = iter(WORDS)
    found = {
        name: blocks.OWNER.sub(lambda _: next(words), skeleton(name)) for name in look_at.OWNED
    }
    found["README.md"] = (
        found["README.md"]
        .replace("# Project\n", f"# Churn\n\n{OURS.description}\n\n{DEMO}\n")
        .replace("<!-- results:start -->\n", f"<!-- results:start -->\n{RESULT}\n")
    )
    return found


FILES = {
    "reports/report.html": "<html>",
    "dvc.lock": "stages: {}",
    "params.yaml": "seed: 0",
    "pyproject.toml": f'[project]\nname = "churn"\ndescription = "{OURS.description}"\n'
    'license = "MIT"\ndependencies = ["click>=8"]\n'
    'authors = [{name = "Ada Lovelace", email = "ada@lovelace.org"}]\n',
    "LICENSE": "Permission is hereby granted " * 40,
    "uv.lock": 'version = 1\n[[package]]\nname = "click"\nversion = "8.1"\n',
    "tests/test_mine.py": "def test_mine():\n    assert sum([1, 2]) == 3\n",
    ".github/workflows/ci.yml": "on: push\njobs: {code: {steps: [{run: uv run pytest}]}}\n",
}  # fmt: skip


def git(root, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run([GIT, "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def commit(root):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Step")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project that a reviewer may see."""
    if GIT is None:
        pytest.skip("git is not installed")
    root = tmp_path_factory.mktemp("finished")
    written = {**FILES, **documents(), **{name: json.dumps(said) for name, said in REPORTS.items()}}
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    git(root, "init", "--quiet")
    commit(root)
    (root / "params.yaml").write_text("seed: 7", "utf-8")
    commit(root)
    git(root, "remote", "add", "origin", REMOTE)
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    return root


@pytest.fixture
def root(finished, tmp_path, monkeypatch):
    """A copy of it, and a world in which everything answers."""
    shutil.copytree(finished, tmp_path / "mine")
    monkeypatch.setattr(pipeline, "changed", lambda root: [])
    monkeypatch.setattr(release, "changed", list)
    monkeypatch.setattr(check_results.tracking, "judged", lambda project, test_set: {"v1"})
    world(monkeypatch, {**CLOSED, "news.org": "<title>News</title>"})
    return tmp_path / "mine"


def world(monkeypatch, answers):
    """What the network answers: pages by a part of their address, and whether the remote has HEAD."""
    asked = look_at.git

    def remote(root, *arguments):
        if "ls-remote" not in arguments:
            return asked(root, *arguments)
        return asked(root, "rev-parse", "origin/main") if answers.get("git") else None

    def fetch(address):
        found = [
            page for part, page in answers.items() if part in address and isinstance(page, str)
        ]
        if not found and not answers.get("github.com"):
            raise OSError("no route")
        return (200, found[0]) if found else (404, "")

    monkeypatch.setattr(look_at, "git", remote)
    monkeypatch.setattr(look_at, "fetch", fetch)


def rewrite(project, params):
    """A report stage: what it writes of the run, into documents that it begins."""
    for name in set(look_at.OWNED) - {"DATA.md"}:
        said = {"results": RESULT} if name == "README.md" else {}
        blocks.refresh(project.root / name, said, skeleton(name))
    return {}


def look(root, params=PARAMS, **options):
    return check.run(replace(OURS, root=root), params, rewrite, **options)


def statuses(root, **options):
    return {item.name: item.status for item in look(root, **options)}


def wrong(root, **options):
    return {
        item.name: f"{item.advice}{item.found} $ {item.command}"
        for item in look(root, **options)
        if not item.passes()
    }


def test_a_finished_project_is_ready(root):
    assert wrong(root) == {}
    table = check.format_table(look(root))
    assert "18 verified, 4 for a person to judge. Ready for a reviewer." in table
    judged = [name for name, status in statuses(root).items() if status == check.JUDGE]
    assert judged == [
        "README in your words", "model card in your words", "datasheet in your words", "decisions argued",
    ]  # fmt: skip


def test_the_readme_asks_for_what_its_skeleton_asks():
    written = rendered(ROOT / "template/{{ base }}/README.md.jinja", "mlops")
    begun = skeleton("README.md")
    asked = {section.heading: section.asked for section in own_words.sections(begun)}
    there = {section.heading: section.asked for section in own_words.sections(written)}
    assert [words for words in asked.values() if words] == [
        words for words in there.values() if words
    ]
    assert set(asked) - {"Project"} <= set(there)
    marked = re.findall(r"<!-- ([\w-]+):start -->", written)
    assert sorted(marked) == sorted(re.findall(r"<!-- ([\w-]+):start -->", begun))


def drop(name):
    return lambda root: (root / name).unlink()


def write(name, text):
    return lambda root: (root / name).write_text(text, "utf-8")


def swap(name, old, new, count=-1):
    def edit(root):
        text = (root / name).read_text("utf-8")
        assert old in text
        (root / name).write_text(text.replace(old, new, count), "utf-8")

    return edit


def change(name, **values):
    return write(name, json.dumps({**REPORTS[name], **values}))


NO_GAIN = {"roc_auc": {"value": 0.0, "ci": [-0.1, 0.1]}}
WARNING = {"column": "age", "kind": "sentinel", "mended": False, "accepted": None}
LEAK = {"check": "single-feature", "status": "failed", "detail": "", "remedy": "Drop the column."}


def test_warnings_that_are_mended_or_accepted_pass(root):
    answered = [{**WARNING, "mended": True}, {**WARNING, "accepted": "Twenty is the limit."}]
    change("reports/data.json", warnings=answered)(root)
    assert statuses(root)["data as it seems"] == check.VERIFIED
    change("reports/data.json", warnings=["Two images look the same."])(root)
    assert statuses(root)["data as it seems"] == check.JUDGE


@pytest.mark.parametrize(
    ("item", "break_it", "words"),
    [
        ("run finished", drop("reports/report.html"), "report.html not there yet. $ uv run my-project run"),
        ("results current", drop("dvc.lock"), "no dvc.lock"),
        ("beats the baseline", change("reports/metrics.json", gain=NO_GAIN), "zero"),
        ("beats the baseline", change("reports/metrics.json", gain={}), "not been measured"),
        ("no leak found", change("reports/data.json", leaks=[LEAK]), "Drop the column."),
        (
            "data as it seems",
            change("reports/data.json", warnings=[WARNING, {**WARNING, "column": None}]),
            "2 warnings in reports/data.json: sentinel (age) and sentinel (the table).",
        ),
        ("README in your words", drop("README.md"), "README.md is not there"),
        ("datasheet in your words", drop("DATA.md"), "DATA.md is not there"),
        ("published", lambda root: git(root, "remote", "remove", "origin"), "git push"),
        ("git history", lambda root: shutil.rmtree(root / ".git"), "git init"),
        ("results committed", lambda root: git(root, "rm", "-q", "--cached", "MODEL_CARD.md"), "MODEL"),
        ("versions locked", drop("uv.lock"), "uv lock"),
        ("tests", drop("tests/test_mine.py"), "Write one"),
        ("automated", drop(".github/workflows/ci.yml"), "pytest"),
        ("licence", drop("LICENSE"), "LICENSE"),
        ("live link", swap("README.md", DEMO, ""), "No link at the top"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(root, item, break_it, words):
    break_it(root)
    assert words in wrong(root)[item]


README, FIRST = "README.md", WORDS[0]
NOTHING = "waits for sentences of its own"


def answered(*names, with_):
    """Documents whose every owner comment is replaced by something."""

    def edit(root):
        for name in names:
            (root / name).write_text(blocks.OWNER.sub(with_, skeleton(name)), "utf-8")

    return edit


def staged(root):
    """Newer results that are staged and not committed."""
    (root / "reports/report.html").write_text("<html>better", "utf-8")
    git(root, "add", "--all")


def forgotten(root):
    """An opening of the test set that is taken back in a later commit."""
    two = [
        *REPORTS["reports/test_openings.json"]["test_sets"][TESTS],
        {"model_version": "v0", "at": "0"},
    ]
    write("reports/test_openings.json", json.dumps({"test_sets": {TESTS: two}}))(root)
    commit(root)
    write("reports/test_openings.json", json.dumps(REPORTS["reports/test_openings.json"]))(root)
    commit(root)


def idle(root):
    """A history of empty commits."""
    shutil.rmtree(root / ".git")
    git(root, "init", "--quiet")
    commit(root)
    commit(root)
    commit(root)


CI = ".github/workflows/ci.yml"
FOOLING = [
    ("README in your words", answered(README, with_=""), NOTHING),
    ("decisions argued", answered(*look_at.RECORDS, with_=""), NOTHING),
    ("README in your words", answered(README, with_=lambda match: match[1]), NOTHING),
    ("README in your words", answered(README, with_=WORDS[3]), NOTHING),
    # Another section's sentence, with a word changed; another document's; what the run wrote.
    ("README in your words", swap(README, WORDS[2], FIRST.replace("Monday", "Friday")), "“Approach” waits"),
    ("model card in your words", swap("MODEL_CARD.md", WORDS[7], WORDS[5]), "harmed” waits"),
    ("README in your words", swap(README, FIRST, RESULT), "the top waits"),
    ("README in your words", swap(README, FIRST, OURS.description), "the top waits"),
    ("README in your words", swap(README, FIRST, "TODO: say who reads these lists each day and why so."), "the top"),
    ("README in your words", swap(README, FIRST, "Crews read."), "the top"),
    ("README in your words", swap(README, FIRST, "Crews crews crews " * 9), "the top"),
    ("README in your words", swap(README, FIRST, f"<!-- {FIRST} -->"), "the top"),
    ("README in your words", swap(README, FIRST, f"```\n{FIRST}\n```"), "the top"),
    ("README in your words", swap(README, "0.713 beats", "0.991 beats"), "names no number"),
    ("README in your words", swap(README, "Boosting deserves to ship because 0.713", "In 2024 it surely did what nobody expected and"), "names no number"),
    ("README in your words", swap(README, "## Errors", "## Mistakes"), "“Errors” is missing"),
    # A number in the README that no run found.
    ("results current", swap(README, f"{RESULT}\n<!-- results:end", "ROC AUC 0.950\n<!-- results:end"), "`results` is not"),
    ("no leak found", change("reports/data.json", leaks=[]), "no leak check"),
    ("data as it seems", change("reports/data.json", warnings=[{**WARNING, "accepted": "x"}]), "sentinel (age)"),
    ("introduced", swap("pyproject.toml", OURS.description, "x"), "no sentence"),
    ("introduced", swap("pyproject.toml", "Ada Lovelace", "your  name"), "Your Name"),
    ("introduced", swap("pyproject.toml", "lovelace.org", "example.org"), "address"),
    ("test set opened once", forgotten, "v0 (commit"),
    ("test set opened once", drop("reports/test_openings.json"), "does not have model v1"),
    ("test set opened once", change("reports/metrics.json", test_openings=0), "tells of 0"),
    ("git history", idle, "No commit changes"),
    ("results committed", staged, "reports/report.html"),
    ("versions locked", write("uv.lock", "version = 1"), "click"),
    ("licence", write("LICENSE", "MIT"), "text of a licence"),
    ("tests", write("tests/test_mine.py", "def test_mine():\n    assert True\n"), "No test asserts"),
    ("tests", write("tests/test_mine.py", "# def test_mine(): assert f()\n"), "No test asserts"),
    ("automated", write(CI, "on: push\n"), "No workflow"),
    ("automated", write(CI, "on: push\njobs: {a: {steps: [{run: 'pytest || true'}]}}"), "No workflow"),
    ("automated", write(CI, "on: push\njobs: {a: {if: false, steps: [{run: pytest}]}}"), "No workflow"),
    ("automated", write(CI, "on: workflow_dispatch\njobs: {a: {steps: [{run: pytest}]}}"), "No workflow"),
    ("published", lambda root: git(root, "remote", "set-url", "origin", "../elsewhere"), "No reviewer reaches"),
    ("published", commit, "not on https://github.com/ada/churn.git yet"),
    ("live link", swap(README, DEMO, f"<!-- {DEMO} -->"), "No link at the top"),
    ("live link", swap(README, DEMO, "https://github.com/ada"), "No link at the top"),
    ("live link", swap(README, DEMO, "http://127.0.0.1:8000"), "answers nobody"),
    ("live link", swap(README, DEMO, "https://invented.hf.space"), "answers 404"),
    ("live link", swap(README, DEMO, "https://news.org"), "does not name this project"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "fool", "words"), FOOLING)
def test_nothing_fools_it(root, item, fool, words):
    """Each is a way to look finished without being so; `--strict` fails on all of them."""
    fool(root)
    assert words in wrong(root)[item]


def test_openings_that_only_mlflow_knows_are_missed(root, monkeypatch):
    monkeypatch.setattr(check_results.tracking, "judged", lambda project, test_set: {"v1", "v7"})
    assert "v7 (MLflow)" in wrong(root)["test set opened once"]


def test_openings_that_are_told_are_for_a_person_to_judge(root):
    two = [{"model_version": name, "at": name} for name in ("v1", "v2")]
    write("reports/test_openings.json", json.dumps({"test_sets": {TESTS: two}}))(root)
    change("reports/metrics.json", test_openings=2)(root)
    assert statuses(root)["test set opened once"] == check.JUDGE


def test_the_sample_fails_and_says_where_own_data_goes(root):
    sample = SimpleNamespace(data=SimpleNamespace(source="sample"))
    (item,) = [item for item in look(root, sample) if item.name == "own data"]
    assert (item.status, item.command) == (check.FAILED, "edit params.yaml")


def test_offline_nothing_is_claimed_and_strict_may_be_told(root, monkeypatch):
    """Without network, what is elsewhere is neither there nor missing."""
    world(monkeypatch, {})
    outside = ["published", "automated", "live link"]
    for options in ({}, {"offline": True}):
        items = {item.name: item for item in look(root, **options)}
        assert [name for name, item in items.items() if item.status == check.UNSEEN] == outside
        assert not items["published"].passes()
        assert items["published"].passes(offline=True)
    assert "--offline" in check.format_table(list(items.values()))
    assert "Ready" in check.format_table(list(items.values()), offline=True)


def test_what_does_not_answer_while_others_do_has_failed(root, monkeypatch):
    """An invented address is told from a broken line."""
    world(monkeypatch, {"github.com": "passing"})
    found = wrong(root)
    assert "is not there, or not public" in found["published"]
    world(monkeypatch, {**CLOSED, "actions": "CI - failing"})
    assert "does not pass" in wrong(root)["automated"]


@pytest.mark.parametrize(
    "address", ["git@github.com:ada/churn.git", "ssh://git@github.com/ada/churn.git", REMOTE]
)
def test_a_remote_is_read_as_anybody_would(address):
    assert check_repository._public(address) == REMOTE


def test_what_changed_since_the_run_is_named(root, monkeypatch):
    monkeypatch.setattr(pipeline, "changed", lambda root: ["costs.false_positive", "src/a.py"])
    assert "costs.false_positive, src/a.py changed" in wrong(root)["results current"]


def test_words_in_another_language_and_under_another_heading_count(root):
    """The owner comment may stay; then it says which section this is."""
    asked = next(each for each in own_words.sections(skeleton(README)) if each.heading == "Errors")
    japanese = "引っ越した客の請求書が届かず、5,869件のうち大半の誤りはそこから来ている。住所の変更日を特徴に加えたい。"
    edit = f"## 誤り\n\n<!-- owner: {asked.asked[0]} -->\n\n{japanese}"
    swap(README, "## Errors", edit)(root)
    assert statuses(root)["README in your words"] == check.JUDGE


def test_advice_comes_in_the_order_of_what_rests_on_what(tmp_path):
    """Before the first run: what has no ground yet waits, and every failure has a command."""
    items = look(tmp_path)
    names = [item.name for item in items]
    for name, _, after, _, _ in check.ITEMS:
        assert not after or names.index(after) < names.index(name)
    assert {item.found for item in items if item.status == check.UNSEEN} == {
        "waits for “run finished”", "waits for “git history”", "waits for “published”",
    }  # fmt: skip
    assert all(item.advice and item.command for item in items if item.status == check.FAILED)
    assert json.dumps([item.to_json() for item in items])
    assert "Begin with “introduced”." in check.format_table(items)


def test_toolkit_files_that_differ_from_the_release_are_for_a_person_to_judge(root, monkeypatch):
    (root / release.ANSWERS).write_text("_commit: v1.2.0\n", "utf-8")
    monkeypatch.setattr(release, "changed", lambda: ["training/scoring.py"])
    (item,) = [item for item in look(root) if item.name == "template release"]
    assert item.status == check.JUDGE
    assert "v1.2.0" in item.found
    assert "training/scoring.py" in item.found


def test_what_a_release_changes_in_workflows_waits_until_it_is_applied(root):
    write(".github/template-update.patch", "diff\n")(root)
    apply = "git apply --3way .github/template-update.patch && git rm"
    assert apply in wrong(root)["workflows updated"]


def test_what_an_owner_edits_in_the_toolkit_is_known(tmp_path):
    (tmp_path / "a.py").write_text("1\n", "utf-8")
    (tmp_path / "b.py").write_text("2\n", "utf-8")
    assert release.changed(tmp_path) == []  # no digests: nothing is known of the release
    known = [release.digest(path, tmp_path) for path in release.files(tmp_path)]
    (tmp_path / release.DIGESTS).write_text(json.dumps(known), "utf-8")
    assert release.changed(tmp_path) == []
    (tmp_path / "a.py").write_text("3\n", "utf-8")
    assert release.changed(tmp_path) == ["a.py"]
