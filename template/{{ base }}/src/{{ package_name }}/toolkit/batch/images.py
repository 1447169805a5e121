"""The command `predict`: the service's answers for a folder of pictures."""

import csv
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..images.decoding import SUFFIXES
from ..images.predictor import Predictor
from ..project.config import Params
from ..project.errors import UserError
from ..project.files import write_text
from ..training.bundle import served

BLOCK = 64


def run(root: Path, params: Params, source: Path, output: Path) -> dict[str, Any]:
    """Score a folder of pictures, or one picture.

    Every picture has one row in the output, in the order of the names. One that cannot be decoded
    has no prediction and says why in the column `error`.

    Returns
    -------
    dict
        `rows`, `bad`, `ignored` (files whose names do not end like those of pictures).

    Raises
    ------
    UserError
        If the folder cannot be read or the output not be written.
    """
    if output.suffix.lower() != ".csv":
        raise UserError(f"--output {output}: end it in .csv.")
    paths, ignored = _files(source)
    predictor = Predictor.load(served(root))
    names = [f"probability_{label}" for label in predictor.classes]
    buffer = io.StringIO()
    writer = csv.DictWriter(
        buffer, ["row", "file", "prediction", *names, "needs_review", "error"], lineterminator="\n"
    )
    writer.writeheader()
    problems = []
    answers = tqdm(_answers(predictor, paths), "predicting", len(paths), unit="img")
    for row, (path, answer) in enumerate(zip(paths, answers, strict=True), start=1):
        name = path.relative_to(source).as_posix() if source.is_dir() else path.name
        line: dict[str, Any] = {"row": row, "file": name}
        if isinstance(answer, str):
            line["error"] = answer
            problems.append(f"Row {row} ({name}): {answer}")
        else:
            line["prediction"] = answer["prediction"]
            line |= {f"probability_{label}": p for label, p in answer["probabilities"].items()}
            line["needs_review"] = answer["needs_review"]
        writer.writerow(line)
    write_text(output, buffer.getvalue())
    for problem in problems[:20]:
        tqdm.write(problem)
    if len(problems) > 20:
        tqdm.write(f"... and {len(problems) - 20:,} more.")
    if ignored:
        more = f" and {len(ignored) - 5:,} more" if len(ignored) > 5 else ""
        tqdm.write(f"Not read, since no pictures by their names: {', '.join(ignored[:5])}{more}")
    return {"rows": len(paths), "bad": len(problems), "ignored": ignored}


def _files(source: Path) -> tuple[list[Path], list[str]]:
    if source.is_file():
        return [source], []
    if not source.is_dir():
        raise UserError(f"{source} is neither a picture nor a folder of pictures.")
    found = [
        path
        for path in sorted(source.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(source).parts)
    ]
    pictures = [path for path in found if path.suffix.lower() in SUFFIXES]
    if not pictures:
        raise UserError(f"{source} holds no files that end in {', '.join(sorted(SUFFIXES))}.")
    return pictures, [p.relative_to(source).as_posix() for p in found if p not in set(pictures)]


def _answers(predictor: Predictor, paths: list[Path]) -> Iterator[dict[str, Any] | str]:
    """Answers in order, some pictures at a time; only a block of them is in memory."""

    def one(path: Path) -> dict[str, Any] | str:
        try:
            return predictor.predict_bytes(path.read_bytes())
        except OSError as error:
            return f"The file cannot be read ({error.strerror})."
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(paths), BLOCK):
            yield from pool.map(one, paths[start : start + BLOCK])
