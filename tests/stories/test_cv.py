"""I take the cv role: pictures in folders become a trained, explained, served model."""

import csv
import json
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import emoji
import pytest
from browser import Page, chromium
from projects import SLUG, Project
from service import serving

SMALL = ("--set", "data.limit=400", "--set", "cv.folds=3", "--set", "network.epochs=10")


def read(project: Project, name: str) -> Any:
    return json.loads((project.path / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def ran(cv_project: Project) -> Project:
    """The default project after `run` on a few pictures."""
    cv_project.run(SLUG, "run", *SMALL)
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
        "fine-tuned efficientnet-lite0",
    ]
    assert ladder["chosen"] in names[1:]
    assert metrics["test_openings"] == 1
    assert metrics["n_train"] + metrics["n_test"] == 400
    assert metrics["threshold"] is None
    assert metrics["chosen"]["accuracy"] > 0.8
    assert len(metrics["per_class"]) == 10
    metadata, sent = read(ran, "models/current/metadata.json"), metrics["review"]
    assert metadata["confidence_floor"] == sent["floor"]
    assert 0 < sent["floor"] < 1
    assert sent["share"] < 0.3
    assert sent["accuracy_of_the_rest"] > 0.8
    assert len(metrics["robustness"]["rows"]) == 10
    assert metrics["explanations"]
    figures = {path.stem for path in (ran.path / "reports/figures").glob("*.png")}
    assert {"ladder", "confusion_matrix", "mistakes", "robustness", "explanations"} <= figures
    page = (ran.path / "reports/report.html").read_text("utf-8")
    assert 'src="http' not in page
    assert "data:image/png;base64," in page
    readme = (ran.path / "README.md").read_text("utf-8")
    assert f"{metrics['primary']['test']:.3f}" in readme
    assert "Written by the first run" not in readme
    assert (ran.path / "DATA.md").exists()


def test_on_digits_points_beat_transfer_and_the_readme_says_so(ran: Project) -> None:
    rungs = {rung["name"]: rung["mean"] for rung in read(ran, "reports/ladder.json")["rungs"]}
    assert rungs["logistic regression on pixels"] > rungs["frozen efficientnet-lite0"] + 0.02
    readme = (ran.path / "README.md").read_text("utf-8")
    assert "less than logistic regression on pixels" in readme.replace("\\", "")


def test_a_second_run_has_nothing_to_do(ran: Project) -> None:
    before = read(ran, "models/current/metadata.json")["model_version"]
    done = ran.run(SLUG, "run", *SMALL)
    assert done.stderr.count("didn't change, skipping") == 4
    assert read(ran, "models/current/metadata.json")["model_version"] == before


def test_the_service_answers_as_predict_does_without_torch(ran: Project) -> None:
    folder = ran.path / "data/sample/7"
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
        assert service.memory() < 350 << 20
        maps = Path(f"/proc/{service.process.pid}/maps").read_text()
        assert "torch" not in maps
        assert "sklearn" not in maps


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
    ran.run("pytest", "-q", "-p", "no:cacheprovider")


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
        "fine-tuned efficientnet-lite0",
    ]
    return f"ladder.skip={json.dumps([name for name in every if name not in rungs])}"


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
    seven = next((ran.path / "data/sample/7").glob("*.png"))
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
        page.wait("document.body.innerText.includes('not a PNG, JPEG, WebP or BMP')")

        page.ask("document.querySelector('#camera').click()")
        page.wait("document.querySelector('video')?.videoWidth > 0")
        page.ask("document.querySelector('#shoot').click()")
        assert page.wait(told).startswith("class: ")
        assert page.ask(file) == "camera.jpg"
        assert page.ask("document.querySelector('video')") is None
