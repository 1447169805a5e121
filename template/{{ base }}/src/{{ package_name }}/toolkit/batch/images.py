"""The command `predict`: the service's answers for a folder of images; and requests for `bench`."""

import csv
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..image_models.predictor import Predictor
from ..images.dataset import read_dataset
from ..images.decoding import SUFFIXES
from ..images.parallel import map_in_order
from ..project.errors import UserError
from ..project.files import write_text
from ..project.settings import Project
from ..training.bundle import served

MOST_REQUESTS = 100  # they are held in memory
EDGE = "a-line-that-no-image-holds"
logger = logging.getLogger(__name__)


def predict_folder(
    project: Project, load: Callable[[Path], Predictor], source: Path, output: Path
) -> dict[str, Any]:
    """Score a folder of images, or one image.

    Every image has one row in the output, in the order of the names. One that cannot be decoded has
    no prediction and says why in the column `error`.

    Returns
    -------
    dict
        `rows`, `bad`, `ignored` (files whose names do not end as those of images do).

    Raises
    ------
    UserError
        If the folder cannot be read or the output not be written.
    """
    if output.suffix.lower() != ".csv":
        raise UserError(f"--output {output}: end it in .csv.")
    paths, ignored = _files(source)
    predictor = load(served(project))
    names = [f"probability_{label}" for label in predictor.classes]
    buffer = io.StringIO()
    columns = ["row", "file", "prediction", *names, "needs_review", "warnings", "error"]
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    problems = []
    responses = map_in_order(lambda path: _predict_one(predictor, path), paths, block=64)
    bar = tqdm(responses, "predicting", len(paths), unit="img")
    for row, (path, response) in enumerate(zip(paths, bar, strict=True), start=1):
        name = path.relative_to(source).as_posix() if source.is_dir() else path.name
        line: dict[str, Any] = {"row": row, "file": name}
        if isinstance(response, str):
            line["error"] = response
            problems.append(f"Row {row} ({name}): {response}")
        else:
            line["prediction"] = response["prediction"]
            line |= {f"probability_{label}": p for label, p in response["probabilities"].items()}
            line["needs_review"] = response["needs_review"]
            line["warnings"] = " ".join(response["warnings"])
        writer.writerow(line)
    write_text(output, buffer.getvalue())
    for problem in problems[:20]:
        logger.warning("%s", problem)
    if len(problems) > 20:
        logger.warning("... and %d more.", len(problems) - 20)
    if ignored:
        more = f" and {len(ignored) - 5:,} more" if len(ignored) > 5 else ""
        shown = ", ".join(ignored[:5]) + more
        logger.info("Not read, since their names do not end as those of images do: %s", shown)
    return {"rows": len(paths), "bad": len(problems), "ignored": ignored}


def _files(source: Path) -> tuple[list[Path], list[str]]:
    if source.is_file():
        return [source], []
    if not source.is_dir():
        raise UserError(f"{source} is neither an image nor a folder of images.")
    found = [
        path
        for path in sorted(source.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(source).parts)
    ]
    images = [path for path in found if path.suffix.lower() in SUFFIXES]
    if not images:
        raise UserError(f"{source} holds no files that end in {', '.join(sorted(SUFFIXES))}.")
    return images, [p.relative_to(source).as_posix() for p in found if p not in set(images)]


def _predict_one(predictor: Predictor, path: Path) -> dict[str, Any] | str:
    """The response to one file, or why there is none."""
    try:
        return predictor.predict_bytes(path.read_bytes())
    except OSError as error:
        return f"The file cannot be read ({error.strerror})."
    except UserError as error:
        return str(error)


def bench_requests(project: Project) -> list[tuple[str, bytes]]:
    """The first images of the test set, as forms with the field `file`."""
    dataset = read_dataset(project.root, "test")
    head = (
        f'--{EDGE}\r\nContent-Disposition: form-data; name="file"; filename="image"\r\n\r\n'
    ).encode()
    contents = (dataset.path(row).read_bytes() for row in dataset.positions[:MOST_REQUESTS])
    return [
        (f"multipart/form-data; boundary={EDGE}", head + content + f"\r\n--{EDGE}--\r\n".encode())
        for content in contents
    ]
