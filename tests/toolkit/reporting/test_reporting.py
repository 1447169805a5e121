"""What people read: every task, hostile names, missing parts, and the owner's words kept."""

import copy
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv.report
import finished_run
import images_and_documents
import nlp.report
import pytest
import tabular.report
from tabular.settings import PROJECT
from toolkit.charts import classes, exploration, figures, tables
from toolkit.markdown import blocks
from toolkit.markdown.markdown import Table, table
from toolkit.project.errors import UserError
from toolkit.reporting import documents
from toolkit.reporting.documents import Writer, points
from toolkit.reporting.run import Run

CHARTS = {**figures.COMPARISON, **exploration.CHARTS, **classes.CHARTS, **tables.CHARTS}
SUBJECTS = {
    tabular: ("shared", "classes", "tables"),
    cv: ("shared", "classes", "images"),
    nlp: ("shared", "documents"),
}
HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "`code`",
    "two\nlines",
    "$x^",
    "[x](javascript:alert(1))",
    "--> <!-- results:end -->",
    '" onload=alert(1) x="',
    "ünï 日本",
]


class Page(HTMLParser):
    """Tags, addresses and visible text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.attributes, self.words = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(autouse=True)
def only_the_sections_of(monkeypatch):
    """A project has the sections of its role; here all of them lie side by side."""

    def only(role):
        found = [documents.HERE / "sections" / name for name in SUBJECTS[role]]
        monkeypatch.setattr(documents, "SECTIONS", found)

    only(tabular)
    return only


def report(root, role=tabular):
    return role.report.run(replace(PROJECT, root=root), None)["report"]


def drawn(root, content):
    figures.draw_all(CHARTS, *content, finished_run.write(root, content) / "reports/figures")
    return root


def load(root, content):
    root = finished_run.write(root, content)
    run = Run.load(replace(PROJECT, root=root), tabular.report.IN_WORDS)
    return Writer(run, {}, root / "reports" / "figures")


def said(root, content, *names):
    writer = load(root, content)
    return " ".join(text for name in names for text in writer.said(name)).replace("\\", "")


@pytest.mark.parametrize("task", finished_run.RUNS)
def test_one_run_makes_every_document(tmp_path, task):
    content = finished_run.RUNS[task]()
    root = drawn(tmp_path, content)
    page = Page(Path(report(root)).read_text("utf-8"))
    readme = (root / "README.md").read_text("utf-8")
    for name in ("scores", "ladder", "scope"):
        assert said(root, content, name) in page.text
        assert load(root, content).said(name)[0] in readme
    assert "svg" in page.tags
    assert "(reports/figures/ladder.png)" in readme
    assert readme.startswith("# Title\n\nMine, before.\n\n<!-- results:start -->\n")
    assert "\nMine, between.\n" in readme
    assert readme.endswith("<!-- responsible-ai:end -->\n\nMine, after.\n")
    card = (root / "MODEL_CARD.md").read_text("utf-8")
    assert f"Predicts {content[0]['target']['name']}" in card
    record = (root / "docs/decisions/0003-model.md").read_text("utf-8")
    assert "(../../reports/figures/ladder.png)" in record
    assert len(list((root / "docs" / "decisions").glob("000*.md"))) == 3


@pytest.mark.parametrize("role", [cv, nlp])
def test_each_role_tells_its_own_run(tmp_path, role, only_the_sections_of):
    only_the_sections_of(role)
    content = images_and_documents.RUNS[role.__name__]()
    page = Page(Path(report(finished_run.write(tmp_path, content), role)).read_text("utf-8"))
    for words in images_and_documents.WORDS[role.__name__]:
        assert words in page.text


@pytest.mark.parametrize("role", SUBJECTS)
def test_every_section_of_a_list_is_there(tmp_path, role, only_the_sections_of):
    only_the_sections_of(role)
    writer = load(tmp_path, finished_run.binary())
    lists = [role.report.PAGE, role.report.README, role.report.MODEL_CARD, role.report.DECISIONS]
    for story in [story for each in lists for story in each.values()]:
        for entry in story:
            for name in [entry] if isinstance(entry, str) else entry.names:
                writer.section(name)
    for name in role.report.TILES:
        writer.section(name)


def test_the_page_needs_no_other_file(tmp_path):
    text = Path(report(drawn(tmp_path, finished_run.binary()))).read_text("utf-8")
    assert all(address.startswith(("#", "data:")) for address in Page(text).addresses)
    assert "@import" not in text
    assert "url(http" not in text


@pytest.mark.parametrize("first", range(0, len(HOSTILE), 3))
def test_names_are_shown_and_do_nothing(tmp_path, first):
    column, *labels = HOSTILE[first : first + 3]
    root = drawn(tmp_path, finished_run.binary(column, tuple(labels)))
    text = Path(report(root)).read_text("utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert not {"onload", "onclick"} & page.attributes
    for name in (column, *labels):
        assert " ".join(name.split()) in page.text
    readme = (root / "README.md").read_text("utf-8")
    assert readme.count("<!-- results:end -->") == 1
    assert "<script>" not in readme
    card = (root / "MODEL_CARD.md").read_text("utf-8")
    widths = [line.count("|") - line.count("\\|") for line in card.splitlines() if line[:1] == "|"]
    assert min(widths) >= 3
    report(root)  # the markers are still found, once each


@pytest.mark.parametrize("name", ["- a", "+ a", "1. a", "= a"])
def test_a_sentence_that_begins_with_a_name_is_no_list(tmp_path, name):
    content = finished_run.binary()
    content[2]["chosen_rung"] = name
    content[1]["rungs"][1]["name"] = content[1]["chosen"] = name
    html = load(tmp_path, content).html(["scores"])
    assert "<li>" not in html
    assert f"<p>{name[:1].upper()}{name[1:]} scores" in html


def test_a_table_keeps_its_cells():
    text = table(Table(["a"] * 2, [[name, "x"] for name in HOSTILE]))
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()]
    assert cells == [3] * (len(HOSTILE) + 2)


def test_the_same_run_writes_the_same_documents(tmp_path):
    root = drawn(tmp_path, finished_run.binary())
    report(root)
    before = {path: path.read_bytes() for path in root.rglob("*.*") if path.is_file()}
    report(drawn(tmp_path, finished_run.binary()))
    assert {path: path.read_bytes() for path in before if path.name != "README.md"} == {
        path: content for path, content in before.items() if path.name != "README.md"
    }


@pytest.mark.parametrize("task", finished_run.RUNS)
def test_any_measurement_may_be_missing(tmp_path, task):
    data, ladder, metrics = finished_run.RUNS[task]()
    needed = {"task", "n_test", "chosen", "baseline"}
    for key in [key for key in metrics if key not in needed]:
        fewer = {name: value for name, value in metrics.items() if name != key}
        report(finished_run.write(tmp_path, (data, ladder, fewer)))
    for key in data:
        fewer = {name: value for name, value in data.items() if name != key}
        report(finished_run.write(tmp_path, (fewer, ladder, metrics)))
    for key in ("steps", "selection", "class_weights", "tuning"):
        ladder.pop(key, None)
    report(finished_run.write(tmp_path, (data, ladder, metrics)))
    least = {key: metrics[key] for key in needed}
    paths = figures.draw_all(CHARTS, {}, ladder, least, tmp_path / "figures")
    assert {path.stem for path in paths} == {"ladder"}


def test_what_the_training_rows_show_is_told_under_its_figure(tmp_path):
    data, ladder, metrics = finished_run.binary()
    root = drawn(tmp_path, (data, ladder, metrics))
    report(root)
    page = Page((root / "reports" / "report.html").read_text("utf-8"))
    for sentence in (
        "Of 2 columns, age says most of churn (correlation ratio 0.31, on training rows): its median is 31.5 for no, 52 for yes.",
        "Of 1 pair, 0 reach 0.8; the closest: age and plan (correlation ratio 0.31).",
        "75.0% of the training rows are complete; 120 rows lack just age, 80 lack plan and age together.",
        "The share of yes is lowest, 20.0%, in the span from 2024-01-01, and highest, 40.0%, in that from 2024-05-01",
    ):
        assert sentence in page.text
    for name in exploration.CHARTS:
        assert (root / "reports" / "figures" / f"{name}.svg").exists()
    data["exploration"]["by_class"].reverse()
    report(drawn(tmp_path, (data, ladder, metrics)))
    page = Page((root / "reports" / "report.html").read_text("utf-8"))
    assert ": a is 50.0% of no, 90.0% of yes." in page.text


@pytest.mark.parametrize(
    ("dropped", "ci", "after", "said"),
    [
        (1, [0.001, 0.002], 9.0, "dropping it pays."),
        (2, [-0.002, -0.001], 9.0, "dropping them does not pay."),
        (2, None, 12.3, "dropping them pays nothing that could be told from chance."),
    ],
)
def test_fewer_features_pay_or_not(tmp_path, dropped, ci, after, said):
    data, ladder, metrics = finished_run.binary()
    found = ladder["selection"]
    found |= {"dropped": dropped, "ci": ci, "least": found["least"][1:]}
    found["after"]["fit_seconds"] = after
    report(finished_run.write(tmp_path, (data, ladder, metrics)))
    page = Page((tmp_path / "reports" / "report.html").read_text("utf-8")).text
    assert said in page
    assert "Dropped in some folds: age.year." in page


def test_tenths_of_a_second_are_no_gain_in_time(tmp_path):
    data, ladder, metrics = finished_run.binary()
    for key, seconds in (("before", 0.23), ("after", 0.17)):
        ladder["selection"][key] |= {"fit_seconds": seconds, "predict_seconds": 0.03}
    root = finished_run.write(tmp_path, (data, ladder, metrics))
    report(root)
    page = Page((root / "reports" / "report.html").read_text("utf-8")).text
    assert "pays nothing that could be told from chance" in page


@pytest.mark.parametrize("role", [cv, nlp])
def test_any_measurement_of_a_role_may_be_missing(tmp_path, role, only_the_sections_of):
    only_the_sections_of(role)
    data, ladder, metrics = images_and_documents.RUNS[role.__name__]()
    for key in [key for key in metrics if key not in {"task", "n_test", "chosen", "baseline"}]:
        fewer = {name: value for name, value in metrics.items() if name != key}
        report(finished_run.write(tmp_path, (data, ladder, fewer)), role)


SENTENCES = {
    "scores": "Logistic regression scores a test ROC AUC of 0.708 (95% CI 0.660 to 0.750, resampling 13 "
    "groups, which are too few to rely on) on 200 rows; "
    "always predicting the majority class scores 0.500.",
    "ladder": "The simpler model ships: logistic regression (ROC AUC 0.710) is within one standard error",
    "rows": "1,010 rows were read from data/raw/mine.csv; 1,000 are used. Left out: 10 rows (missing target).",
    "split": "Split by time: 800 rows for training (2024-01-01 to 2024-09-01), 200 rows for the test (",
    "confusion": "At a threshold of 0.167, the model misses 50% of the rows where churn is yes; 40% of the "
    "rows it flags are false alarms.",
    "threshold": "With a false positive priced at EUR 1 and a false negative at EUR 5, the cheapest "
    "constant decision is churn = yes for every row. Against it, the model at a threshold of "
    "0.167 saves EUR 400 per 1,000 rows (95% CI EUR 250 to 550, resampling 13 groups, which",
    "steps": "Features bring logistic regression +0.050 (95% CI +0.040 to +0.060) ROC AUC over the raw "
    "columns, and without of age alone it loses +0.030; the choice of the random forest adds +0.010.",
    "tuning": "20 trials in 4 searches, each on at most 800 rows, looked for settings inside the training rows of the "
    "folds, and at last on all of them; 5 were given up early.",
    "selection": "Without the 2 features of 11 that matter least, logistic regression changes by −0.001 ROC AUC (95% CI "
    "−0.003 to +0.001), fits in 9.9 s instead of 12 s and predicts in 0.041 s instead of 0.041 s: dropping them pays in time alone.",
    "class_weights": "At a threshold of 0.5 the linear model finds 10% of the positives; with classes weighed alike "
    "60%, at probabilities that are off (Brier score 0.200 instead of 0.200). Recalibrated and cut by cost, weights "
    "cost EUR 700 per 1,000 rows, and no weights EUR 700 (95% CI of the saving EUR −2 to 3).",
    "random_split": "A random split would have reported ROC AUC 0.810 for the random forest instead of "
    "0.720, both on 200 rows held out (the ladder's scores are of folds of the training rows), because "
    "training and test rows would share days.",
    "snapshot": "the test ROC AUC is 0.660 instead of 0.700.",
    "rule": "The simple rule is not enough: it scores ROC AUC 0.600 in cross-validation",
    "slices": "The weakest slice is age = old: log loss 0.900 (95% CI 0.800 to 1.000) on 40 rows of 25 "
    "groups (the same as cohort = 1), against "
    "0.600 on all of them.",
    "groups": "Among the 2 groups of age with at least 30 rows, the largest differences are 0.2 in recall.",
    "review": "The 3.5% of the test rows in most doubt are flagged `needs_review` for a person: they bear "
    "20.0% of the cost of all decisions (95% CI 10.0% to 30.0%, resampling 13 groups",
    "coverage": "Sets of classes that shall hold the truth for 90% of the rows hold it for 88.0% of the "
    "test set (95% CI 85.0% to 91.0%), with 1.4 classes on average; least often, 70.0%, where age = old",
    "calibration": "Predicted probabilities are off by 3.4 percentage points on average",
    "learning_curve": "More data would probably still help.",
    "importance": "shuffling age alone raises the mean error by 0.05.",
    "openings": "The model was evaluated on the test set once.",
    "leaks": "All 1 leak check passed.",
    "baseline": "the gain over always predicting the majority class is +0.208 (95% CI +0.160 to +0.250), more than chance",
    "gain": "Across the same 3 folds it gains +0.210 ROC AUC over always predicting the majority class",
    "candidates": "The ladder is the list of candidate models, simplest first: 3 of them",
    "metric": "Candidates were compared by ROC AUC (higher is better). Also measured: accuracy and log loss.",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_is_what_the_run_measured(tmp_path, name):
    assert SENTENCES[name] in said(tmp_path, finished_run.binary(), name)


def test_the_best_model_is_said_to_be_best(tmp_path):
    data, ladder, metrics = finished_run.binary()
    ladder["chosen"] = metrics["chosen_rung"] = "random forest"
    text = said(tmp_path, (data, ladder, metrics), "ladder")
    assert text.startswith("The random forest has the best mean score in cross-validation")


def test_an_error_is_positive_and_less_of_it_is_a_gain(tmp_path):
    content = finished_run.regression()
    text = said(tmp_path, content, "scores", "baseline", "errors")
    assert "a test MAE of 41.5 on 3 rows; always predicting the mean scores 61." in text
    assert "+19.5" in text


def test_the_hardest_of_many_classes_is_named(tmp_path):
    content = finished_run.multiclass()
    content[2]["confusion_matrix"][3] = [5, 5, 0, 2, 0]
    text = said(tmp_path, content, "confusion")
    assert text == "Recall is lowest for class class 3: 17% of its 12 test rows are recognized."


def test_a_class_is_spoken_of_by_its_label(tmp_path):
    content = finished_run.binary()
    content[0]["target"]["labels"] = {"yes": "leaving", "no": "staying"}
    content[0]["case"] = "customer"
    text = said(tmp_path, content, "confusion")
    assert "misses 50% of leaving customers; 40% of the customers it flags are false alarms" in text
    assert "| leaving | staying |" in load(tmp_path, content).markdown(["worst"])


def test_years_are_not_grouped(tmp_path):
    content = finished_run.binary()
    content[2]["worst"][0]["values"] = {"built": 1956.0, "paid": 12956.0}
    assert "| 1956 | 12,956 |" in load(tmp_path, content).markdown(["worst"])


def test_limitations_warn_only_of_what_the_run_saw(tmp_path):
    data, ladder, metrics = finished_run.binary()
    calm = load(tmp_path, (data, ladder, metrics)).markdown(tabular.report.LIMITATIONS)
    assert "evaluated on the test set" not in calm
    data["leaks"][0]["status"] = "failed"
    data["warnings"] = ["Column x is constant."]
    metrics["test_openings"] = 4
    metrics["gain"]["roc_auc"] = {"value": 0.01, "ci": [-0.02, 0.04]}
    metrics["verdict"]["kind"] = "baseline"
    metrics["review"] = {"on": False, "reason": "on the test set, no decision cost anything"}
    text = load(tmp_path, (data, ladder, metrics)).markdown(tabular.report.LIMITATIONS)
    assert "Do not claim that the model beats it" in text
    assert "No prediction is flagged `needs_review`: on the test set, no decision" in text
    assert "0 of 1 leak check passed; look at single-feature." in text
    assert "4 different models have been evaluated on the test set" in text
    assert "Column x is constant." in text
    assert (
        "simple rule" not in text
    )  # one verdict: where no model is shown to help, no rule is praised
    assert "\n\n" not in text  # one list


def test_the_first_sentence_tells_of_a_contradiction(tmp_path):
    content = finished_run.binary()
    content[1]["rungs"][1]["ci"] = [0.80, 0.90]
    root = finished_run.write(tmp_path, content)
    page = Page(Path(report(root)).read_text("utf-8"))
    first = "Cross-validation and the test set disagree beyond chance: ROC AUC 0.800 to 0.900 in"
    assert page.text.index(first) < page.text.index("scores a test ROC AUC")
    block = (root / "README.md").read_text("utf-8").split("<!-- results:start -->\n")[1]
    assert block.startswith(f"- {first}")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            {"kind": "rule", "name": "rule", "test": [-0.2, -0.1]},
            "Do not claim that the model is needed",
        ),
        (
            {"kind": "curve", "fold": 0.8, "end": 0.6},
            "ends at 0.600 on the last fold, where the comp",
        ),
    ],
)
def test_each_contradiction_has_its_sentence(tmp_path, monkeypatch, found, words):
    monkeypatch.setattr(Run, "contradictions", [found])
    assert words in said(tmp_path, finished_run.binary(), "contradictions")


def test_a_loss_is_told_with_the_interval_of_the_loss(tmp_path):
    content = finished_run.binary()
    content[2]["money"] |= {"gain_per_1000": -33.0, "gain_ci": [-134.0, 74.0]}
    text = said(tmp_path, content, "threshold")
    assert "costs EUR 33 more per 1,000 rows (95% CI EUR −74 to 134, resampling" in text
    assert text.endswith("no saving is shown.")
    assert load(tmp_path, content).tile("threshold") == []


def test_a_constant_decision_is_no_saving(tmp_path):
    content = finished_run.binary()
    content[2]["money"] |= {"all_alike": "always", "gain_per_1000": 0.0, "gain_ci": [0.0, 0.0]}
    text = said(tmp_path, content, "threshold")
    assert "decides churn = yes for every test row too: it is a constant" in text
    assert "saves EUR" not in text
    assert load(tmp_path, content).tile("threshold") == []


def test_files_of_two_runs_are_not_told(tmp_path):
    content = finished_run.binary()
    content[2]["model_version"] = "another"
    with pytest.raises(
        UserError, match=r"metrics\.json and .*metadata\.json are of different runs"
    ):
        report(finished_run.write(tmp_path, content))


def test_an_owner_adds_a_section(tmp_path):
    writer = load(tmp_path, finished_run.binary())
    own = {"mine": "{% macro said() %}Only {{ metrics.n_test }} rows.{% endmacro %}"}
    own_writer = Writer(writer.run, own, tmp_path)
    assert own_writer.markdown([points("mine", "openings")]).startswith("- Only 200 rows.\n- The")
    with pytest.raises(UserError, match=r"`nothing`.*Known: .*openings"):
        own_writer.markdown(["nothing"])


def test_half_a_sentence_is_an_error(tmp_path):
    writer = load(tmp_path, finished_run.binary())
    own = {"mine": "{% macro said() %}Only {{ metrics.n_tests }} rows.{% endmacro %}"}
    with pytest.raises(Exception, match="n_tests"):
        Writer(writer.run, own, tmp_path).markdown(["mine"])


@pytest.mark.parametrize(
    "broken",
    [
        "<!-- x:start -->\nmine",
        "mine\n<!-- x:end -->",
        "<!-- x:end -->\nmine\n<!-- x:start -->",
        "<!-- x:start -->\n<!-- x:end -->\n<!-- x:start -->\n<!-- x:end -->",
    ],
)
def test_damaged_markers_are_refused_and_nothing_is_lost(tmp_path, broken):
    path = tmp_path / "README.md"
    path.write_text(broken, "utf-8")
    with pytest.raises(UserError, match=r"README\.md.*'x'.*<!-- x:start -->"):
        blocks.refresh(path, {"x": "new"})
    assert path.read_text("utf-8") == broken


def test_a_block_taken_out_stays_out(tmp_path):
    path = tmp_path / "README.md"
    path.write_bytes(b"mine\r\n")
    assert blocks.refresh(path, {"x": "new"}) == ["x"]
    assert path.read_bytes() == b"mine\r\n"


def test_bytes_outside_a_block_are_kept(tmp_path):
    path = tmp_path / "README.md"
    before, after = "\ufeff# T  \r\n\tmine\r\n".encode(), "\r\n\r\n é no line end".encode()
    path.write_bytes(before + b"<!-- x:start -->old<!-- x:end -->" + after)
    blocks.refresh(path, {"x": "one\ntwo"})
    assert path.read_bytes() == (
        before + b"<!-- x:start -->\r\none\r\ntwo\r\n<!-- x:end -->" + after
    )


def test_a_damaged_readme_does_not_cost_the_report(tmp_path):
    root = finished_run.write(tmp_path, finished_run.binary())
    (root / "README.md").write_text("<!-- results:end -->", "utf-8")
    with pytest.raises(UserError, match="'results'"):
        report(root)
    assert (root / "reports" / "report.html").is_file()
    assert (root / "MODEL_CARD.md").is_file()


@pytest.mark.parametrize("name", ["MODEL_CARD.md", "docs/decisions/0003-model.md"])
def test_the_owners_words_outlive_the_next_run(tmp_path, name):
    root = finished_run.write(tmp_path, finished_run.binary())
    report(root)
    path = root / name
    path.write_text(blocks.OWNER.sub("My words.", path.read_text("utf-8")), "utf-8")
    report(finished_run.write(root, finished_run.multiclass()))
    text = path.read_text("utf-8")
    assert "My words." in text
    assert "random forest" in text
    assert "logistic regression" not in text


def test_without_a_run_the_command_is_named(tmp_path):
    with pytest.raises(UserError, match="Run `data` first"):
        report(tmp_path)


@pytest.mark.parametrize("count", [3, 50])
def test_figures_are_small_and_whole(tmp_path, count):
    paths = figures.draw_all(CHARTS, *finished_run.multiclass(count), tmp_path)
    assert {path.stem for path in paths} == {"ladder", "target", "confusion_matrix"}
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 200_000


def test_the_share_of_positives_is_the_precision_when_all_are_called(tmp_path):
    content = copy.deepcopy(finished_run.binary())
    content[2]["pr"] = [[1, 0.3], [1, 0.9], [0.5, 1], [0, 1]]
    figures.draw_all(CHARTS, *content, tmp_path)
    text = (tmp_path / "precision_recall.svg").read_text("utf-8")
    assert "share of positives, 30%" in text


def test_a_figure_of_an_earlier_task_is_removed(tmp_path):
    figures.draw_all(CHARTS, *finished_run.regression(), tmp_path)
    assert (tmp_path / "residuals.png").is_file()
    drawn = figures.draw_all(CHARTS, *finished_run.binary(), tmp_path)
    assert {path.with_suffix("") for path in tmp_path.iterdir()} == {
        path.with_suffix("") for path in drawn
    }
