"""I take the cv role: pictures in folders become a trained, explained, served model."""

import csv
import json
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import digits
import emoji
import pytest
from browser import Page, chromium
from projects import SLUG, Project
from service import serving


def read(project: Project, name: str) -> Any:
    return json.loads((project.path / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def small(cv_project: Project) -> tuple[str, ...]:
    """Settings for a run of a minute, on a few handwritten digits in `data/raw`."""
    return digits.write(cv_project)


@pytest.fixture(scope="module")
def ran(cv_project: Project, small: tuple[str, ...]) -> Project:
    """The default project after `run` on few and small images of its own."""
    cv_project.run(SLUG, "run", *small)
    return cv_project


def test_run_leaves_everything_a_reviewer_looks_for(ran: Project) -> None:
    ladder, metrics = read(ran, "reports/ladder.json"), read(ran, "reports/metrics.json")
    names = [rung["name"] for rung in ladder["rungs"]]
    assert names == [
        "majority",
        "logistic regression on pixels",
        "SVM on HOG",
        "small CNN",
        "small CNN, augmented",
        "frozen efficientnet-lite0",
        "SVM on frozen efficientnet-lite0",
        "fine-tuned efficientnet-lite0",
    ]
    assert ladder["chosen"] in names[1:]
    assert metrics["test_openings"] == 1
    assert metrics["n_train"] + metrics["n_test"] == 400
    assert metrics["threshold"] is None
    assert metrics["chosen"]["accuracy"] > 0.8
    assert len(metrics["per_class"]) == 10
    metadata, sent = read(ran, "models/current/metadata.json"), metrics["review"]
    assert metadata["review"]["cutoff"] == sent["cutoff"]
    assert sent["share"] == 0.05
    assert sent["on"] or sent["reason"]
    assert 0.8 < metrics["coverage"]["share"] <= 1
    assert len(metrics["robustness"]["rows"]) == 10
    assert metrics["explanations"]
    figures = {path.stem for path in (ran.path / "reports/figures").glob("*.png")}
    assert {"ladder", "confusion_matrix", "robustness"} <= figures
    # Figures that show images lie apart; digits of one's own need no notice there.
    shown = {path.name for path in (ran.path / "reports/pictures").iterdir()}
    assert shown == {
        f"{n}.{e}"
        for n in ("example", "samples", "mistakes", "explanations")
        for e in ("png", "svg")
    }
    page = (ran.path / "reports/report.html").read_text("utf-8")
    assert 'src="http' not in page
    assert "data:image/png;base64," in page
    readme = (ran.path / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) < 150
    assert f"{metrics['primary']['test']:.3f}" in readme
    assert "Written by the first run" not in readme
    assert (ran.path / "DATA.md").exists()


def test_the_readme_says_whether_transfer_helps(ran: Project) -> None:
    rungs = {rung["name"]: rung["mean"] for rung in read(ran, "reports/ladder.json")["rungs"]}
    points, transfer = rungs["logistic regression on pixels"], rungs["frozen efficientnet-lite0"]
    readme = (ran.path / "README.md").read_text("utf-8").replace("\\", "")
    assert f"{'more' if transfer > points else 'less'} than logistic regression on pixels" in readme


def test_a_second_run_has_nothing_to_do(ran: Project, small: tuple[str, ...]) -> None:
    before = read(ran, "models/current/metadata.json")["model_version"]
    done = ran.run(SLUG, "run", *small)
    assert done.stderr.count("didn't change, skipping") == 4
    assert read(ran, "models/current/metadata.json")["model_version"] == before


def test_the_service_answers_as_predict_does_without_torch(ran: Project) -> None:
    folder = ran.path / "data/raw/7"
    ran.run(SLUG, "predict", str(folder), "--output", "answers.csv")
    with (ran.path / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(list(folder.glob("*.png")))
    with serving(ran) as service:
        for row in rows[:40]:
            status, answer = service.upload("/predict", (folder / row["file"]).read_bytes())
            assert status == 200, answer
            assert answer["prediction"] == row["prediction"]
            assert str(answer["needs_review"]) == row["needs_review"]
            for label, share in answer["probabilities"].items():
                assert share == pytest.approx(float(row[f"probability_{label}"]), abs=1e-6)
        (answer,) = service.typed(ran)
        assert answer["prediction"] in answer["probabilities"]
        assert service.memory() < 350 << 20
        maps = Path(f"/proc/{service.process.pid}/maps").read_text()
        assert "torch" not in maps
        assert "sklearn" not in maps


def test_the_site_answers_as_the_service_does(ran: Project) -> None:
    ran.run(SLUG, "site")
    result = read(ran, "reports/site.json")
    assert result["rows"] >= 80
    assert result["largest_difference"] <= result["bound"] == 1e-4
    assert "Drawn examples" in (ran.path / "site/try/form.json").read_text("utf-8")


def test_the_image_holds_no_torch(cv_project: Project) -> None:
    text = (cv_project.path / "requirements/serving.txt").read_text("utf-8")
    names = {line.split("==")[0] for line in text.splitlines() if "==" in line}
    assert {"pillow", "onnxruntime", "python-multipart"} <= names
    assert not {"torch", "scikit-learn", "pandas", "skorch", "matplotlib"} & names
    shipped = text
    cv_project.uv(
        "export",
        "--quiet",
        "--no-default-groups",
        "--no-emit-project",
        "--no-header",
        "--no-annotate",
        "--output-file=requirements/serving.txt",
    )
    assert (cv_project.path / "requirements/serving.txt").read_text("utf-8") == shipped


def test_the_project_passes_its_own_tests(ran: Project) -> None:
    """On a few images of the sample, which `params.yaml` still names."""
    ran.run("pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.long
def test_a_run_on_the_solar_cells_is_whole_and_honest(fresh_cv: Callable[..., Project]) -> None:
    project = fresh_cv("cells")
    project.run(SLUG, "run")
    data, ladder = read(project, "reports/data.json"), read(project, "reports/ladder.json")
    metrics = read(project, "reports/metrics.json")
    assert data["target"]["classes"] == {"functional": 1803, "defective": 821}
    assert data["target"]["positive"] == "defective"
    rungs = {rung["name"]: rung["mean"] for rung in ladder["rungs"]}
    assert rungs["frozen efficientnet-lite0"] > rungs["logistic regression on pixels"] + 0.03
    # Blocks of consecutive files are what is split, and what is resampled; a random split flatters.
    assert metrics["interval_unit"] == "blocks"
    alone, own, wide = metrics["other_splits"]["rows"]
    assert (alone["block"], own["block"], wide["block"]) == (1, 60, 131)
    assert alone["mean"] > own["mean"] + 0.01
    # A miss costs five times: fewer cells are missed than called in vain.
    (_, alarms), (misses, hits) = metrics["confusion_matrix"]
    assert misses < alarms < hits + misses
    assert {each["column"] for each in metrics["slices"]} >= {"type", "certainty"}
    assert [each["labels"] for each in metrics["certainty"]] == ["certain", "uncertain"]
    # What the images' licence asks for, where they are shown.
    notice = (project.path / "reports/pictures/NOTICE.md").read_text("utf-8")
    for file in ("LICENSE", "README.md", "MODEL_CARD.md", "reports/report.html"):
        assert "CC BY-NC-SA 4.0" in (project.path / file).read_text("utf-8"), file
    assert "Deitsch" in notice
    assert "base64" not in (project.path / "reports/metrics.json").read_text("utf-8")


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Emoji of one vendor to learn from; other emoji, drawn by another vendor, to be asked."""
    folder = tmp_path_factory.mktemp("emoji")
    assert emoji.write("google", folder / "google", held_out=False) > 1000
    assert emoji.write("twitter", folder / "twitter", held_out=True) > 300
    return folder / "google", folder / "twitter"


def only(*rungs: str) -> str:
    every = [
        "logistic regression on pixels",
        "SVM on HOG",
        "small CNN",
        "small CNN, augmented",
        "frozen efficientnet-lite0",
        "SVM on frozen efficientnet-lite0",
        "fine-tuned efficientnet-lite0",
    ]
    return f"ladder.skip={json.dumps([name for name in every if name not in rungs])}"


@pytest.mark.long
def test_on_real_pictures_transfer_wins(
    fresh_cv: Callable[..., Project], vendors: tuple[Path, Path]
) -> None:
    """Own pictures in `data/raw`, judged on another vendor's drawings of other emoji."""
    project = fresh_cv("emoji")
    known, unknown = vendors
    shutil.copytree(known, project.path / "data/raw")
    own = ("--set", "data.source=folder", "--set", "cv.folds=2")
    project.run(SLUG, "data", *own)
    right = {}
    for rung in ("logistic regression on pixels", "frozen efficientnet-lite0"):
        project.run(SLUG, "train", *own, "--set", only(rung))
        assert read(project, "models/current/metadata.json")["rung"] == rung
        project.run(SLUG, "predict", str(unknown), "--output", "answers.csv")
        with (project.path / "answers.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        right[rung] = statistics.mean(
            row["prediction"] == Path(row["file"]).parts[0] for row in rows
        )
    points, transfer = right.values()
    assert transfer > points + 0.08, right
    assert transfer > 0.5, right


def test_the_page_takes_a_picture_in_a_real_browser(ran: Project, tmp_path: Path) -> None:
    """The example at once, a picture dropped on it, a text refused, a photograph of the camera."""
    if chromium() is None:
        pytest.skip("no Chromium here; the gate installs one")
    seven = next((ran.path / "data/raw/7").glob("*.png"))
    note = tmp_path / "note.png"
    note.write_text("no picture")
    told = "document.querySelector('.big')?.textContent"
    file = "document.querySelector('input[type=file]').files[0]?.name"
    with serving(ran) as service, Page(tmp_path / "profile", f"{service.address}/?predict") as page:
        assert page.wait(told).startswith("class: ")
        assert page.ask(file) == "example.png"

        page.ask("document.querySelector('#shown').replaceChildren()")
        page.drop(seven)
        _, answer = service.upload("/predict", seven.read_bytes())
        assert page.wait(told) == f"class: {answer['prediction']}"
        assert page.ask(file) == seven.name

        page.drop(note)
        page.wait("document.body.innerText.includes('not a PNG, JPEG, WebP, BMP')")

        page.ask("document.querySelector('#camera').click()")
        page.wait("document.querySelector('video')?.videoWidth > 0")
        page.ask("document.querySelector('#shoot').click()")
        assert page.wait(told).startswith("class: ")
        assert page.ask(file) == "camera.jpg"
        assert page.ask("document.querySelector('video')") is None
