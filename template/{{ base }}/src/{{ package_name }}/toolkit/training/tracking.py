"""MLflow: one parent run for a comparison, a child for each candidate, then the evaluation."""

import logging
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from ..evaluation.openings import last_opened
from ..project.errors import UserError
from ..project.settings import Project

if TYPE_CHECKING:
    # The service imports this module's neighbours, and has neither SciPy nor scikit-learn.
    from .comparison import Comparison, Result

logger = logging.getLogger(__name__)
STORE, FILES = "mlflow.db", "mlruns"
TEST_SET = "test_set"  # the tag of a run whose model was evaluated: the SHA-256 of the test rows
# Where MLflow's tables hold whole addresses of files.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)


def log_comparison(
    project: Project,
    params: BaseModel,
    comparison: "Comparison",
    chosen: "Result",
    tags: Mapping[str, str],
    artifacts: Sequence[Path],
    trials: Sequence[Mapping[str, Any]] = (),
) -> str | None:
    """Log a comparison of candidates, and the trials of a search; return the parent's run id.

    A tracking store that cannot be used does not cost the trained model: a warning is logged and
    None returned.
    """
    metric = comparison.metric
    try:
        mlflow = connect(project)
        choose_experiment(project, mlflow)
        with mlflow.start_run(run_name=f"comparison: {chosen.name}", tags=dict(tags)) as parent:
            mlflow.log_params(_flat(params.model_dump(mode="json")))
            mlflow.log_metrics({f"cv_{metric}": chosen.mean, f"cv_{metric}_std": chosen.std})
            for artifact in artifacts:
                mlflow.log_artifact(str(artifact))
            if trials:
                mlflow.log_dict({"trials": list(trials)}, "trials.json")
            for step, result in enumerate(comparison.results):
                measured = {f"cv_{metric}": result.mean, "fit_seconds": result.fit_seconds}
                with mlflow.start_run(run_name=result.name, nested=True, tags=dict(tags)):
                    mlflow.log_param("reason", result.candidate.reason)
                    mlflow.log_metrics({**measured, "rung": step})
                    for fold, score in enumerate(result.scores):
                        mlflow.log_metric(f"fold_{metric}", score, step=fold)
        return str(parent.info.run_id)
    except Exception as error:  # noqa: BLE001  whatever it is, the model is worth more than its record
        logger.warning(
            "The comparison was not logged to MLflow (%s). The model is kept.", why(project, error)
        )
        return None


def log_evaluation(
    project: Project, run_id: str | None, scores: Mapping[str, float], artifacts: Sequence[Path]
) -> None:
    """Add test scores and figures to the run of the comparison that made the model."""
    if run_id is None:
        return
    try:
        mlflow = connect(project)
        with mlflow.start_run(run_id=run_id):
            mlflow.log_metrics({f"test_{name}": value for name, value in scores.items()})
            mlflow.set_tag(TEST_SET, last_opened(project.root))
            for artifact in artifacts:
                mlflow.log_artifact(str(artifact), artifact_path="figures")
    except Exception as error:  # noqa: BLE001
        logger.warning("The evaluation was not logged to MLflow (%s).", why(project, error))


def judged(project: Project, test_set: str) -> set[str]:
    """The models whose evaluation on a test set MLflow knows of; none where its store does not answer."""
    if not (project.environment().mlflow_tracking_uri or (project.root / STORE).exists()):
        return set()
    try:
        runs = connect(project).search_runs(
            search_all_experiments=True,
            filter_string=f"tags.{TEST_SET} = '{test_set}'",
            output_format="list",
        )
    except Exception as error:  # noqa: BLE001
        logger.warning("MLflow was not asked (%s).", why(project, error))
        return set()
    return {run.data.tags["model_version"] for run in runs}


def why(project: Project, error: BaseException) -> str:
    """What is wrong with the store, in a few words and without what the address may hold of secrets.

    MLflow wraps what the network said in its own error, with the whole address.
    """
    store = urlsplit(project.environment().mlflow_tracking_uri or "")
    address = store.netloc.rpartition("@")[2]
    chain = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    if address and any(isinstance(each, OSError) for each in chain):
        reason = getattr(chain[-1], "strerror", None) or chain[-1]
        return f"{store.scheme}://{address} does not answer: {reason}"
    said = (str(error).splitlines() or [type(error).__name__])[0][:300]
    return said.replace(store.netloc, address) if store.netloc else said


def connect(project: Project) -> Any:
    """MLflow itself, set up for the project's store: a server, or the local SQLite file."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # An address that does not answer must not hold a finished training for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    # On standard output, where a command may print JSON.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow

    # Importing MLflow sets its own loggers up, so they are quietened after it.
    for name, level in (("mlflow", "WARNING"), ("alembic", "WARNING"), ("urllib3", "ERROR")):
        logging.getLogger(name).setLevel(level)
    address = project.environment().mlflow_tracking_uri or _local(project.root)
    if address == _local(project.root):
        _follow(project.root)
    mlflow.set_tracking_uri(address)
    return mlflow


def _local(root: Path) -> str:
    """The local store's address, relative to where the command runs, which is the project's folder.

    No way to write a `?`, `#` or `%` of an absolute path survives both MLflow and SQLAlchemy.
    """
    return f"sqlite:///{Path(os.path.relpath(root / STORE)).as_posix()}"


def _files(root: Path) -> str:
    return (root / FILES).resolve().as_uri()


def _follow(root: Path) -> None:
    """Make the local store point to its files where the project lies now.

    MLflow keeps whole addresses from the day an experiment began; a project that was moved, renamed
    or copied since would go on reading and writing in the place it had then.

    Raises
    ------
    UserError
        If the file is no store of MLflow's.
    """
    if not (root / STORE).exists():
        return
    here = _files(root)
    known = "SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location LIKE ?"
    try:
        with closing(sqlite3.connect(root / STORE)) as connection, connection:
            for (place,) in connection.execute(known, [f"file:%/{FILES}"]).fetchall():
                if place == here:
                    continue
                for table, column in _ADDRESSES:
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                        f"WHERE substr({column} || '/', 1, ?) = ?",
                        [here, len(place) + 1, len(place) + 1, place + "/"],
                    )
                logger.info("%s: its files are in %s now.", STORE, root / FILES)
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):  # a store that MLflow has not set up yet
            raise UserError(f"{root / STORE} cannot be used: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{root / STORE} is no store of MLflow's ({error}). Restore the file, or move it away "
            "to begin another one."
        ) from error


def choose_experiment(project: Project, mlflow: Any) -> None:
    """Log to the project's experiment; the local store keeps its files in the project's folder."""
    # Not asked of the environment: MLflow writes there what it was told.
    root, name = project.root, project.slug
    if mlflow.get_tracking_uri() == _local(root) and not mlflow.get_experiment_by_name(name):
        mlflow.create_experiment(name, artifact_location=_files(root))
    mlflow.set_experiment(name)


def _flat(values: dict[str, Any]) -> dict[str, str]:
    """Settings as MLflow keeps them, such as `cv.folds`."""
    import pandas as pd

    (row,) = pd.json_normalize(values).to_dict("records")
    return {str(key): str(value)[:500] for key, value in row.items()}
