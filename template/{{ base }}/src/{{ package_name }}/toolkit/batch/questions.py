"""The command `predict`: the service's answers for a file of questions; and requests for `bench`."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..answers.budget import BudgetSpentError
from ..answers.predictor import Predictor
from ..documents.question import problem
from ..documents.questions import read_subset
from ..project.errors import UserError
from ..project.files import write_text
from ..project.settings import Project
from ..training.bundle import served

READ = (".jsonl", ".txt", ".csv")
WRITTEN = (".jsonl", ".csv")
COLUMNS = (
    "row question prediction answer confidence needs_review answered_by reason citations error"
).split()


def predict_file(
    project: Project, load: Callable[[Path], Predictor], source: Path, output: Path
) -> dict[str, Any]:
    """Answer a file of questions.

    Every question has one row in the output, in the same order. One that the service would refuse has
    no answer and says why in `error`. A language model may cost at most `llm.budget`: what was answered
    until then is written, and the command fails with a sentence that says so.

    Parameters
    ----------
    project : Project
    load : callable
        From a bundle's folder to the predictor, which holds to the budget.
    source : Path
        `.txt` with a question a line, `.csv` with a column `question`, or `.jsonl` with objects that
        have the key `question`.
    output : Path
        `.jsonl` for all the service would answer, `.csv` for a table.

    Returns
    -------
    dict
        `rows`, `bad` and `cost`.

    Raises
    ------
    UserError
        If a file cannot be read or written, or the budget is spent.
    """
    if output.suffix.lower() not in WRITTEN:
        raise UserError(f"--output {output}: end it in {' or '.join(WRITTEN)}.")
    questions = read_questions(source)
    predictor = load(served(project))
    longest = predictor.answerer.settings.longest_question
    rows: list[dict[str, Any]] = []
    stopped: BudgetSpentError | None = None
    for number, (question, wrong) in enumerate(tqdm(questions, "answering", unit="q"), start=1):
        row: dict[str, Any] = {"row": number, "question": question}
        if wrong := wrong or problem(question, longest):
            row["error"] = wrong
        elif stopped:
            row["error"] = "Not asked, since the budget was spent."
        else:
            try:
                row |= {**predictor.respond(str(question)), "error": None}
            except BudgetSpentError as error:
                stopped = error
                row["error"] = "Not asked, since the budget was spent."
        rows.append(row)
    version = predictor.version
    write_text(output, _jsonl(rows, version) if output.suffix == ".jsonl" else _csv(rows))
    bad = [row for row in rows if row["error"]]
    if stopped:
        answered = len(rows) - len(bad)
        raise UserError(
            f"Stopped after {answered:,} of {len(rows):,} questions: {stopped} {output} holds the "
            "answers so far; they are cached, so that running the command again with a higher "
            "`llm.budget` pays only for the others."
        )
    for row in bad[:20]:
        tqdm.write(f"Row {row['row']}: {row['error']}")
    if len(bad) > 20:
        tqdm.write(f"... and {len(bad) - 20:,} more.")
    return {"rows": len(rows), "bad": len(bad), "cost": predictor.answerer.spent.cost}


def read_questions(source: Path) -> list[tuple[Any, str | None]]:
    """The questions of a file, each with what is wrong with its row, if anything.

    Raises
    ------
    UserError
        If the file is missing, is of another kind, is not UTF-8 or holds no question.
    """
    kind = source.suffix.lower()
    if kind not in READ:
        raise UserError(f"{source}: questions come in a file that ends in {', '.join(READ)}.")
    try:
        text = source.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{source} is not there.") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{source} is not UTF-8 (byte {error.start:,}). Save it as UTF-8."
        ) from error
    text = text.rstrip("\r\n")
    if not text.strip():
        raise UserError(f"{source} holds no question.")
    if kind == ".csv":
        return _from_csv(source, text)
    lines = text.splitlines() if kind == ".txt" else text.split("\n")
    return [(line, None) for line in lines] if kind == ".txt" else [_from_json(x) for x in lines]


def _from_json(line: str) -> tuple[Any, str | None]:
    try:
        value = json.loads(line)
    except ValueError as error:
        return line[:200], f"not valid JSON ({error})."
    if isinstance(value, str):
        return value, None
    if not isinstance(value, dict) or "question" not in value:
        return None, "no key `question`."
    return value["question"], None


def _from_csv(source: Path, text: str) -> list[tuple[Any, str | None]]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        names = reader.fieldnames or []
        name = "question" if "question" in names or len(names) != 1 else names[0]
        if name not in names:
            raise UserError(f"{source} has no column `question`; its columns: {', '.join(names)}.")
        return [
            (row[name], None) if None not in row else (row[name], "more values than columns.")
            for row in reader
        ]
    except csv.Error as error:
        raise UserError(f"{source} is not valid CSV: {error}.") from error


def _jsonl(rows: list[dict[str, Any]], version: str) -> str:
    lines = (json.dumps({**row, "model_version": version}, ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _csv(rows: list[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        ids = " ".join(each["id"] for each in row.get("citations", []))
        writer.writerow({**row, "citations": ids})
    return buffer.getvalue()


def bench_requests(project: Project) -> list[tuple[str, bytes]]:
    """The questions of the test set as bodies of `/predict`."""
    asked = read_subset(project.root, "test")
    bodies = (json.dumps({"question": each.question}).encode() for each in asked)
    return [("application/json", body) for body in bodies]
