"""The command `predict`: the service's answers for a whole file; and rows as requests for `bench`."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from ..profiling.contract import check_frame, require_format
from ..project.errors import UserError
from ..project.files import write_bytes
from ..project.settings import Project
from ..reading import tables
from ..tables.dataset import read_schema
from ..tables.predictor import Predictor, label_text
from ..training.bundle import served

logger = logging.getLogger(__name__)
BLOCK = 20_000
MOST_REQUESTS = 1000


def predict_file(
    project: Project, load: Callable[[Path], Predictor], source: Path, output: Path
) -> dict[str, Any]:
    """Score a CSV or Parquet file.

    Every row of the input has one row in the output, in the same order. A row that the schema
    refuses has no prediction and says why in the column `error`.

    Returns
    -------
    dict
        `rows`, `bad`, `ignored` (columns of the file that the model does not know).

    Raises
    ------
    UserError
        If a file cannot be read or written, or a column is missing.
    """
    if output.suffix.lower() not in {".csv", ".parquet"}:
        raise UserError(f"--output {output}: end it in .csv or .parquet.")
    predictor = load(served(project))
    frame = tables.read_file(source).frame
    schema = predictor.schema
    require_format(schema, frame, source.name)
    known = {c.name for c in schema.columns} | {c.name for c in schema.ignored}
    ignored = [str(name) for name in frame.columns if name not in known | {schema.target.name}]
    if ignored:
        logger.info("Not used, since the model was trained without them: %s", ", ".join(ignored))
    blocks = [
        _answers(predictor, frame.iloc[start : start + BLOCK], start)
        for start in tqdm(range(0, len(frame), BLOCK), desc="predicting", unit="block")
    ]
    result = pd.concat(blocks, ignore_index=True)
    if output.suffix.lower() == ".csv":
        write_bytes(output, result.to_csv(index=False).encode())
    else:
        write_bytes(output, result.to_parquet(index=False))
    bad = result.loc[result["error"].notna(), ["row", "error"]]
    for row, error in bad.head(20).itertuples(index=False):
        logger.warning("Row %d: %s", row, error)
    if len(bad) > 20:
        logger.warning("... and %d more.", len(bad) - 20)
    return {"rows": len(result), "bad": len(bad), "ignored": ignored}


def _answers(predictor: Predictor, frame: pd.DataFrame, start: int) -> pd.DataFrame:
    columns, problems = check_frame(predictor.schema, frame.reset_index(drop=True))
    answers = predictor.predict_columns(columns) if len(frame) else []
    errors: dict[int, str] = {}
    for problem in problems:
        value = "" if problem.value is None else f"{problem.value!r} "
        text = f"{problem.column}: {value}{problem.message}"
        errors[problem.row] = f"{errors[problem.row]}; {text}" if problem.row in errors else text
    rows = []
    for i, answer in enumerate(answers):
        row: dict[str, Any] = {"row": start + i + 1}
        if i not in errors:
            row["prediction"] = answer["prediction"]
            row |= {f"probability_{k}": p for k, p in answer.get("probabilities", {}).items()}
            if answer.get("interval"):
                row["low"], row["high"] = answer["interval"]
            row["needs_review"] = answer["needs_review"]
            row["warnings"] = " ".join(answer["warnings"]) or None
        row["error"] = errors.get(i)
        rows.append(row)
    # As objects, since a bad row among them would turn class 1 into 1.0.
    names = ["row", "prediction", *_numbers(predictor), "needs_review", "warnings", "error"]
    table = pd.DataFrame(rows, columns=names, dtype="object")
    return table.astype({"row": "int64", **dict.fromkeys(_numbers(predictor), "float64")})


def _numbers(predictor: Predictor) -> list[str]:
    classes = predictor.schema.target.classes
    return ["low", "high"] if classes is None else [f"probability_{label_text(c)}" for c in classes]


def bench_requests(project: Project) -> list[tuple[str, bytes]]:
    """The first rows of the test set, without what is looked up, as bodies of `/predict`."""
    schema = read_schema(project.root)
    names = [column.name for column in schema.columns if not column.lookup]
    rows = pd.read_parquet(project.root / "data" / "test.parquet", columns=names)
    text = rows.head(MOST_REQUESTS).to_json(
        orient="records", date_format="iso", double_precision=15
    )
    return [("application/json", json.dumps(record).encode()) for record in json.loads(text)]
