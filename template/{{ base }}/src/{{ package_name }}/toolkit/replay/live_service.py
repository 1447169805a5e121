"""A live service that is asked as its callers would ask it, and stopped when the block ends."""

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..profiling.schema import Schema
from ..project.errors import UserError
from ..tables.predictor import label_text

SECONDS_TO_START = 60
SECONDS_TO_FOLLOW = 30
BATCH = 100  # rows of a request: answered well within `monitor.latency_ms`
CALLERS = 2
TRIES = 50
LOG = "service.log"
# Ends itself when its standard input does: however the replay ends, no service outlives it.
_ATTENDED = """
import os, runpy, signal, sys, threading
def end():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end, daemon=True).start()
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""
_ADDRESS = re.compile(r"serving on http://127\.0\.0\.1:(\d+)\D")


@dataclass(frozen=True)
class Answers:
    """What the service answered to n rows.

    Attributes
    ----------
    ids : ndarray of str, shape (n,)
        By which labels find each prediction; empty where the service refused the row.
    outputs : ndarray of float64, shape (n, K) or (n,)
        Probabilities in the order of the schema's classes, or values; NaN for refused rows.
    seconds : float
        From the first request to the last answer.
    refusal : str, optional
        Why the first refused row was refused.
    """

    ids: NDArray[Any]
    outputs: NDArray[np.float64]
    seconds: float
    refusal: str | None


class Service:
    """A service of this project on a free port of this machine."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._log = log
        self._port = self._announced()

    def version(self) -> str:
        """The `model_version` that answers now."""
        with closing(self._connect()) as connection:
            connection.request("GET", "/model")
            return str(json.loads(connection.getresponse().read())["model_version"])

    def follow(self, version: str) -> None:
        """Wait until `version` answers.

        Raises
        ------
        UserError
            If it does not within 30 seconds.
        """
        end = time.monotonic() + SECONDS_TO_FOLLOW
        while (now := self.version()) != version:
            if time.monotonic() > end:
                raise UserError(
                    f"The service answers with {now} and has not taken {version} up within "
                    f"{SECONDS_TO_FOLLOW} seconds; {self._log} may say why."
                )
            time.sleep(0.1)

    def ask(self, rows: pd.DataFrame, schema: Schema, name: str) -> Answers:
        """Post rows in batches, with request ids that begin with `name`.

        A batch that holds a row the service refuses is posted again, row by row.

        Parameters
        ----------
        rows : DataFrame of n rows
            The columns of the schema, typed.
        schema : Schema
            Of the model that answers.
        name : str
            Letters, digits, dots and dashes.
        """
        records = _records(rows, schema)
        starts = range(0, len(records), BATCH)
        started = time.monotonic()
        with ThreadPoolExecutor(CALLERS) as callers:
            parts = callers.map(
                lambda start: self._batch(records[start : start + BATCH], f"{name}-{start}"), starts
            )
            found = [answer for part in parts for answer in part]
        seconds = time.monotonic() - started
        blank = np.full(len(schema.target.classes or [0]), np.nan)
        refusal = next((_reason(answer) for name, answer in found if not name), None)
        outputs = np.array([_output(answer, schema) if name else blank for name, answer in found])
        if schema.target.classes is None:
            outputs = outputs.ravel()
        return Answers(
            np.array([name for name, _ in found], dtype=object), outputs, seconds, refusal
        )

    def _batch(self, records: list[Any], name: str) -> list[tuple[str, Any]]:
        status, answer = self._post("/predict/batch", {"records": records}, name)
        if status == 200:
            said = answer["predictions"]
            return [(f"{name}/{row}", each) for row, each in enumerate(said, 1)]
        found = []
        for row, record in enumerate(records, 1):
            status, answer = self._post("/predict", record, f"{name}-row{row}")
            found.append((f"{name}-row{row}" if status == 200 else "", answer))
        return found

    def _post(self, path: str, content: Any, request_id: str) -> tuple[int, Any]:
        """Status and JSON of an answer; a service that is busy is asked again."""
        body = json.dumps(content)
        headers = {"Content-Type": "application/json", "X-Request-ID": request_id}
        try:
            with closing(self._connect()) as connection:
                for _ in range(TRIES):
                    connection.request("POST", path, body, headers)
                    answer = connection.getresponse()
                    said = json.loads(answer.read())
                    if answer.status in (200, 400, 413, 422):
                        return answer.status, said
                    time.sleep(0.2)
        except (OSError, http.client.HTTPException, ValueError) as error:
            said = f"The service ended or broke off ({error}); {self._log} says why."
            raise UserError(said) from error
        raise UserError(f"The service answered {answer.status}, {said}, {TRIES} times in a row.")

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def _announced(self) -> int:
        """The port, once the service says that it listens and answers."""
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end and self._process.poll() is None:
            if found := _ADDRESS.search(self._log.read_text("utf-8")):
                self._port = int(found[1])
                with suppress(OSError):  # it listens, and does not answer yet
                    self.version()
                    return self._port
            time.sleep(0.1)
        raise UserError(f"The service did not start; {self._log} says why.")


@contextmanager
def service(root: Path, environment: Mapping[str, str]) -> Iterator[Service]:
    """Start the service of the project in `root`; it ends with the block, or with this process.

    Parameters
    ----------
    root : Path
        A folder with `params.yaml` and a model. Its output goes to `service.log` there.
    environment : mapping of str to str
        All variables the service gets.

    Raises
    ------
    UserError
        If it does not start.
    """
    package = __package__.partition(".")[0]
    command = [sys.executable, "-c", _ATTENDED, package]
    command += ["serve", "--host", "127.0.0.1", "--port", "0"]
    log = root / LOG
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=root,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            yield Service(process, log)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _records(rows: pd.DataFrame, schema: Schema) -> list[dict[str, Any]]:
    """Rows as JSON takes them: dates as text, missing values as null."""
    frame = pd.DataFrame(index=rows.index)
    for column in schema.columns:
        values = rows[column.name]
        if values.dtype.kind == "M":
            frame[column.name] = values.map(lambda time: time.isoformat(), na_action="ignore")
        else:
            frame[column.name] = values
    frame = frame.astype(object)
    return [
        {str(name): value for name, value in row.items()}
        for row in frame.where(frame.notna(), None).to_dict("records")
    ]


def _output(answer: Mapping[str, Any], schema: Schema) -> NDArray[np.float64]:
    if schema.target.classes is None:
        return np.array([answer["value"]])
    said = answer["probabilities"]
    return np.array([said[label_text(label)] for label in schema.target.classes])


def _reason(refused: Mapping[str, Any]) -> str:
    detail = refused["detail"]
    if isinstance(detail, str):
        return detail
    first = detail[0]
    return f"{first['loc'][-1]} is {first.get('input')!r}: {first['msg']}"
