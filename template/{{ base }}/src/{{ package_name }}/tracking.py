"""MLflow: one parent run a climb, a child a rung, then the figures and scores of the evaluation."""

import logging
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .about import SLUG
from .config import Params, environment

if TYPE_CHECKING:
    # The service imports this module's neighbours, and has neither SciPy nor scikit-learn.
    from .ladder import Climb

log = logging.getLogger(__name__)


def git_commit(root: Path) -> str | None:
    """The commit of the project's folder, or None outside git; `-dirty` when files differ."""
    command = [
        "git",
        "-C",
        str(root),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def log_climb(
    root: Path, params: Params, climb: "Climb", tags: Mapping[str, str], artifacts: Sequence[Path]
) -> str | None:
    """Log a climb; return the parent's run id.

    A tracking store that cannot be reached does not cost the trained model: a warning is logged
    and None returned.
    """
    mlflow = connect(root)
    from mlflow.exceptions import MlflowException

    try:
        choose_experiment(root, mlflow)
        with mlflow.start_run(
            run_name=f"climb: {climb.chosen.rung.name}", tags=dict(tags)
        ) as parent:
            mlflow.log_params(_flat(params.model_dump(mode="json")))
            mlflow.log_metrics(
                {
                    f"cv_{climb.metric}": climb.chosen.mean,
                    f"cv_{climb.metric}_std": climb.chosen.std,
                }
            )
            for artifact in artifacts:
                mlflow.log_artifact(str(artifact))
            for step, result in enumerate(climb.results):
                with mlflow.start_run(run_name=result.rung.name, nested=True, tags=dict(tags)):
                    mlflow.log_param("reason", result.rung.reason)
                    mlflow.log_metrics(
                        {
                            f"cv_{climb.metric}": result.mean,
                            "fit_seconds": result.fit_seconds,
                            "rung": step,
                        }
                    )
                    for fold, score in enumerate(result.scores):
                        mlflow.log_metric(f"fold_{climb.metric}", score, step=fold)
        return str(parent.info.run_id)
    except (MlflowException, OSError) as error:
        log.warning("The climb was not logged to MLflow (%s). The model is kept.", why(root, error))
        return None


def log_evaluation(
    root: Path, run_id: str | None, scores: Mapping[str, float], artifacts: Sequence[Path]
) -> None:
    """Add test scores and figures to the run of the climb that made the model."""
    if run_id is None:
        return
    mlflow = connect(root)
    from mlflow.exceptions import MlflowException

    try:
        with mlflow.start_run(run_id=run_id):
            mlflow.log_metrics({f"test_{name}": value for name, value in scores.items()})
            for artifact in artifacts:
                mlflow.log_artifact(str(artifact), artifact_path="figures")
    except (MlflowException, OSError) as error:
        log.warning("The evaluation was not logged to MLflow (%s).", why(root, error))


def why(root: Path, error: BaseException) -> str:
    """What is wrong with the store, in a few words and without what the address may hold of secrets.

    MLflow wraps what the network said in its own error, with the whole address.
    """
    store = urlsplit(environment(root).mlflow_tracking_uri or "")
    address = store.netloc.rpartition("@")[2]
    chain = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    if address and any(isinstance(each, OSError) for each in chain):
        reason = getattr(chain[-1], "strerror", None) or chain[-1]
        return f"{store.scheme}://{address} does not answer: {reason}"
    said = (str(error).splitlines() or [type(error).__name__])[0][:300]
    return said.replace(store.netloc, address) if store.netloc else said


def connect(root: Path) -> Any:
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
    mlflow.set_tracking_uri(environment(root).mlflow_tracking_uri or _local(root))
    return mlflow


def _local(root: Path) -> str:
    return f"sqlite:///{root.resolve() / 'mlflow.db'}"


def choose_experiment(root: Path, mlflow: Any) -> None:
    """Log to the project's experiment; the local store keeps its files in the project's folder."""
    # Not asked of the environment: MLflow writes there what it was told.
    if mlflow.get_tracking_uri() == _local(root) and not mlflow.get_experiment_by_name(SLUG):
        mlflow.create_experiment(SLUG, artifact_location=(root / "mlruns").resolve().as_uri())
    mlflow.set_experiment(SLUG)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)[:500]
    return flat
