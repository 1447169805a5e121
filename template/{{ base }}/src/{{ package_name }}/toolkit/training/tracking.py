"""MLflow: one parent run for a comparison, a child for each candidate, then the evaluation."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from ..project.settings import Project

if TYPE_CHECKING:
    # The service imports this module's neighbours, and has neither SciPy nor scikit-learn.
    from .comparison import Comparison, Result

logger = logging.getLogger(__name__)


def log_comparison(
    project: Project,
    params: BaseModel,
    comparison: "Comparison",
    chosen: "Result",
    tags: Mapping[str, str],
    artifacts: Sequence[Path],
) -> str | None:
    """Log a comparison of candidates; return the parent's run id.

    A tracking store that cannot be reached does not cost the trained model: a warning is logged
    and None returned.
    """
    mlflow, metric = connect(project), comparison.metric
    from mlflow.exceptions import MlflowException

    try:
        choose_experiment(project, mlflow)
        with mlflow.start_run(run_name=f"comparison: {chosen.name}", tags=dict(tags)) as parent:
            mlflow.log_params(_flat(params.model_dump(mode="json")))
            mlflow.log_metrics({f"cv_{metric}": chosen.mean, f"cv_{metric}_std": chosen.std})
            for artifact in artifacts:
                mlflow.log_artifact(str(artifact))
            for step, result in enumerate(comparison.results):
                measured = {f"cv_{metric}": result.mean, "fit_seconds": result.fit_seconds}
                with mlflow.start_run(run_name=result.name, nested=True, tags=dict(tags)):
                    mlflow.log_param("reason", result.candidate.reason)
                    mlflow.log_metrics({**measured, "rung": step})
                    for fold, score in enumerate(result.scores):
                        mlflow.log_metric(f"fold_{metric}", score, step=fold)
        return str(parent.info.run_id)
    except (MlflowException, OSError) as error:
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
    mlflow = connect(project)
    from mlflow.exceptions import MlflowException

    try:
        with mlflow.start_run(run_id=run_id):
            mlflow.log_metrics({f"test_{name}": value for name, value in scores.items()})
            for artifact in artifacts:
                mlflow.log_artifact(str(artifact), artifact_path="figures")
    except (MlflowException, OSError) as error:
        logger.warning("The evaluation was not logged to MLflow (%s).", why(project, error))


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
    mlflow.set_tracking_uri(project.environment().mlflow_tracking_uri or _local(project.root))
    return mlflow


def _local(root: Path) -> str:
    return f"sqlite:///{root.resolve() / 'mlflow.db'}"


def choose_experiment(project: Project, mlflow: Any) -> None:
    """Log to the project's experiment; the local store keeps its files in the project's folder."""
    # Not asked of the environment: MLflow writes there what it was told.
    root, name = project.root, project.slug
    if mlflow.get_tracking_uri() == _local(root) and not mlflow.get_experiment_by_name(name):
        mlflow.create_experiment(name, artifact_location=(root / "mlruns").resolve().as_uri())
    mlflow.set_experiment(name)


def _flat(values: dict[str, Any]) -> dict[str, str]:
    """Settings as MLflow keeps them, such as `cv.folds`."""
    import pandas as pd

    (row,) = pd.json_normalize(values).to_dict("records")
    return {str(key): str(value)[:500] for key, value in row.items()}
