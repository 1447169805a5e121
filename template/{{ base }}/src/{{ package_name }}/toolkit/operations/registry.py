"""The model registry: which versions exist, which one answers, and how that changes.

MLflow holds the versions and the aliases `champion` and `challenger`; `models/champion` is a copy of
the champion's bundle, so that the service needs neither MLflow nor a network. The alias is the
truth: it is moved first and the folder swapped after it, and whatever call comes next notices a
folder that does not match and puts it right.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...about import SERVED, SLUG
from ..monitoring import reference
from ..project.errors import UserError
from ..project.files import read_json, replace_folder, write_bytes
from ..tables.predictor import Predictor
from ..training import tracking
from ..training.bundle import BUNDLE, LADDER, served
from .flavor import signature_of

logger = logging.getLogger(__name__)
CHAMPION, CHALLENGER = "champion", "challenger"
PROMOTIONS = Path("reports", "promotions.jsonl")
HISTORY = "champions"  # tag of the registered model: versions that were champion, newest last
MOST_REMEMBERED = 200
REFERENCE = "reference"  # folder of a run's artifacts


@dataclass(frozen=True)
class Version:
    """One registered version.

    Attributes
    ----------
    number : int
        MLflow's version.
    model_version : str
        The bundle's own, which every answer carries.
    tags : dict of str to str
    source : str
        Where MLflow keeps the files.
    run_id : str or None
    """

    number: int
    model_version: str
    tags: dict[str, str]
    source: str
    run_id: str | None


def register(root: Path, folder: Path | None = None) -> Version:
    """Put a bundle into the registry as the challenger; a known one is found again.

    The version carries the run, the dataset's hash, the git commit, the hash of the bundle's files
    and the signature.

    Parameters
    ----------
    root : Path
        The project's folder.
    folder : Path, optional
        The bundle; `models/current` otherwise.

    Raises
    ------
    UserError
        If there is no usable bundle, or the store does not answer.
    """
    folder = root / BUNDLE if folder is None else folder
    predictor = Predictor.load(folder)
    metadata = predictor.metadata
    with _store(root) as (mlflow, client):
        for known in _versions(client):
            if known.model_version == predictor.version:
                return known
        with _run_of(root, mlflow, metadata) as run_id:
            logged = mlflow.pyfunc.log_model(
                name="bundle",
                loader_module=f"{__package__}.flavor",
                data_path=str(folder),
                signature=signature_of(predictor.schema),
                # Given, since MLflow would load the model in a process of its own to find them.
                pip_requirements=_requirements(metadata),
            )
        _ensure_model(client)
        created = client.create_model_version(
            SLUG,
            source=logged.model_uri,
            run_id=run_id,
            model_id=logged.model_id,
            tags={
                "model_version": predictor.version,
                "data_sha256": str(metadata["data_sha256"]),
                "git_commit": str(metadata["git_commit"] or "none"),
                "rung": str(metadata.get("rung", "")),
                "bundle_sha256": fingerprint(folder),
            },
        )
        client.set_registered_model_alias(SLUG, CHALLENGER, created.version)
        return _version(created)


def adopt(root: Path) -> Version:
    """Make what is served the champion of a registry that has none: a new server, or another one."""
    version = register(root, served(root))
    attach(root, version)
    promote(root, version, ["It was serving when the registry had no champion."], by="registry")
    return find(root, str(version.number))


def attach(root: Path, version: Version) -> None:
    """Keep what a version is compared with in the registry, so that every machine can watch it.

    That is the file of `monitoring.reference`; nothing is done where there is none.
    """
    path = _reference(root, version)
    if version.run_id is None or not path.exists():
        return
    with _store(root) as (_, client):
        if not _is_attached(client, version, path.name):
            client.log_artifact(version.run_id, str(path), REFERENCE)


def champion(root: Path) -> Version | None:
    """The version that the alias names, or None; `models/champion` is made to match it."""
    with _store(root) as (_, client):
        found, held = _aliased(client, CHAMPION), _served_version(root)
        if found is None or held == found.model_version:
            return found
        with fetched(root, found) as bundle:
            _put_in_place(root, client, found, bundle)
        name, number = found.model_version, found.number
        if held is None:
            logger.info(
                "models/%s: %s (version %d), fetched from the registry.", SERVED, name, number
            )
        else:
            logger.warning(
                "models/%s held %s, the alias `champion` names %s (version %d): put right.",
                SERVED,
                held,
                name,
                number,
            )
            _note(root, "healed", found, ["The folder did not match the alias."])
        return found


def versions(root: Path) -> list[Version]:
    """All registered versions, oldest first."""
    with _store(root) as (_, client):
        return _versions(client)


def find(root: Path, name: str) -> Version:
    """The version called `name`: a number, an alias, or the bundle's own version.

    Raises
    ------
    UserError
        If there is none; the message lists those there are.
    """
    with _store(root) as (_, client):
        return _find(client, name)


def promote(
    root: Path,
    version: Version,
    reasons: Sequence[str],
    checks: Sequence[Mapping[str, Any]] = (),
    by: str = "gate",
) -> None:
    """Make `version` the champion: the alias moves, then the folder is swapped.

    Killed before the alias has moved, nothing has changed. Killed after it, the earlier champion
    goes on answering until the next call of any command puts the folder right.

    Parameters
    ----------
    root : Path
    version : Version
    reasons : sequence of str
        Why, written down with the decision.
    checks : sequence of dict
        What the gate measured.
    by : str
        Who decided: `gate`, `hand`, or `registry` for what was serving already.

    Raises
    ------
    UserError
        If the registered files are damaged or gone; nothing has changed then.
    """
    with _store(root) as (_, client):
        before = _aliased(client, CHAMPION)
        with fetched(root, version) as bundle:
            history = _history(client, before)
            if not history or history[-1] != version.number:
                history.append(version.number)
            _set_history(client, history)
            client.set_registered_model_alias(SLUG, CHAMPION, str(version.number))
            _put_in_place(root, client, version, bundle)
        _tag(client, version, "decision", f"promoted by {by}: {' '.join(reasons)}")
    _note(root, "promoted", version, reasons, checks, before=before, by=by)


def refuse(
    root: Path, version: Version, reasons: Sequence[str], checks: Sequence[Mapping[str, Any]]
) -> None:
    """Write down that `version` does not replace the champion, and why."""
    with _store(root) as (_, client):
        before = _aliased(client, CHAMPION)
        _tag(client, version, "decision", f"refused: {' '.join(reasons)}")
    _note(root, "refused", version, reasons, checks, before=before, by="gate")


def postpone(root: Path, version: Version, reasons: Sequence[str]) -> None:
    """Write down that the champion was to be retrained and could not be, and why."""
    _note(root, "postponed", version, reasons, before=version, by="monitor")


def rollback(root: Path, reason: str = "") -> Version:
    """Put the champion before this one back; called again, it goes back one more.

    Raises
    ------
    UserError
        If there was none before.
    """
    with _store(root) as (_, client):
        now = _aliased(client, CHAMPION)
        history = _history(client, now)
        if now is None or len(history) < 2:
            raise UserError(
                "There is no champion before this one to go back to. `promote VERSION` puts any "
                "registered version in place."
            )
        earlier = _find(client, str(history[-2]))
        with fetched(root, earlier) as bundle:
            _set_history(client, history[:-1])
            client.set_registered_model_alias(SLUG, CHAMPION, str(earlier.number))
            _put_in_place(root, client, earlier, bundle)
        why = reason or "Asked for by hand."
        _tag(client, now, "decision", f"rolled back: {why}")
    _note(root, "rolled back", earlier, [why], before=now, by="hand")
    return earlier


def decisions(root: Path) -> list[dict[str, Any]]:
    """What was promoted, refused, postponed, rolled back and healed, oldest first."""
    path = root / PROMOTIONS
    if not path.exists():
        return []
    found = []
    for line in path.read_text("utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # the process was killed while it wrote this line
    return found


def fingerprint(folder: Path) -> str:
    """Hexadecimal SHA-256 of the names and contents of a bundle's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@contextmanager
def _store(root: Path) -> Iterator[tuple[Any, Any]]:
    """MLflow and its client; what goes wrong with the store is a message for the user."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    mlflow = tracking.connect(root)
    # It asks for pip, which a project of uv has not, and for example rows, which are personal data.
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*input example was not provided.*")
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        yield mlflow, mlflow.MlflowClient()
    except (MlflowException, RequestException) as error:
        raise UserError(
            f"The model registry cannot be used ({tracking.why(root, error)}). Models in place go "
            "on serving. Check MLFLOW_TRACKING_URI and run the command again."
        ) from error


@contextmanager
def _run_of(root: Path, mlflow: Any, metadata: Mapping[str, Any]) -> Iterator[str]:
    """The run that trained the bundle, or a new one where it was not logged to this store."""
    version = metadata["model_version"]
    tracking.choose_experiment(root, mlflow)
    known = None
    if (root / LADDER).exists():
        known = read_json(root / LADDER, "train").get("mlflow_run_id")
    if known and _trained(mlflow, known, version):
        with mlflow.start_run(run_id=known):
            yield known
        return
    tags = {
        "model_version": version,
        "data_sha256": str(metadata["data_sha256"]),
        "git_commit": str(metadata["git_commit"] or "none"),
    }
    with mlflow.start_run(run_name=f"bundle {version}", tags=tags) as run:
        scores = metadata.get("metrics", {})
        mlflow.log_metrics({k: v for k, v in scores.items() if isinstance(v, float)})
        _log_reports(root, mlflow, version)
        yield str(run.info.run_id)


def _log_reports(root: Path, mlflow: Any, version: str) -> None:
    """Log the evaluation and figures of a version, if those in the folder are of this one."""
    from ..evaluation.evaluation import FIGURES, METRICS

    if not (root / METRICS).exists():
        return
    result = read_json(root / METRICS, "evaluate")
    if result.get("model_version") != version:
        return
    mlflow.log_metrics({f"test_{name}": value for name, value in result["chosen"].items()})
    for path in (root / LADDER, root / METRICS):
        mlflow.log_artifact(str(path))
    if (root / FIGURES).exists():
        mlflow.log_artifacts(str(root / FIGURES), "figures")


def _trained(mlflow: Any, run_id: str, version: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        return bool(mlflow.get_run(run_id).data.tags.get("model_version") == version)
    except MlflowException:
        return False


@contextmanager
def fetched(root: Path, version: Version) -> Iterator[Path]:
    """A whole, checked copy of a version's bundle beside its later place; removed if not used."""
    home = _home(root)
    home.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{SERVED}-"))
    try:
        folder = _download(root, version, work)
        if fingerprint(folder) != version.tags.get("bundle_sha256"):
            raise UserError(
                f"The registered files of version {version.number} are not those that were "
                "registered: a file was lost or changed. Nothing was put in place; train again, "
                "or promote another version."
            )
        Predictor.load(folder)
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(root: Path, version: Version, work: Path) -> Path:
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        found = mlflow.artifacts.download_artifacts(
            f"models:/{SLUG}/{version.number}", dst_path=str(work)
        )
    except (MlflowException, OSError) as error:
        raise UserError(
            f"The files of version {version.number} cannot be fetched from {version.source} "
            f"({tracking.why(root, error)}). Nothing was put in place."
        ) from error
    settings = next(Path(found).rglob("MLmodel"), None)
    if settings is None:
        raise UserError(
            f"The files of version {version.number} are not in {version.source}: they were removed "
            "from the store. Nothing was put in place; promote another version, or train again."
        )
    [folder] = [path.parent for path in settings.parent.rglob("metadata.json")]
    return folder


def _put_in_place(root: Path, client: Any, version: Version, bundle: Path) -> None:
    """Make `bundle` the one that answers; what it is compared with comes along, where it was kept."""
    from mlflow.exceptions import MlflowException

    replace_folder(bundle, _home(root))
    path = _reference(root, version)
    if path.exists():
        return
    try:
        if _is_attached(client, version, path.name):
            with tempfile.TemporaryDirectory() as work:
                found = client.download_artifacts(version.run_id, f"{REFERENCE}/{path.name}", work)
                write_bytes(path, Path(found).read_bytes())
    except (MlflowException, OSError) as error:
        # The model answers all the same; `monitor` says what it lacks.
        logger.warning(
            "What version %d is compared with was not fetched: %s", version.number, error
        )


def _reference(root: Path, version: Version) -> Path:
    return root / reference.FOLDER / f"{version.model_version}.parquet"


def _is_attached(client: Any, version: Version, name: str) -> bool:
    if version.run_id is None:
        return False
    found = client.list_artifacts(version.run_id, REFERENCE)
    return f"{REFERENCE}/{name}" in {each.path for each in found}


def _home(root: Path) -> Path:
    return root / "models" / SERVED


def _served_version(root: Path) -> str | None:
    try:
        return str(read_json(_home(root) / "metadata.json", "promote")["model_version"])
    except (UserError, KeyError):
        return None


def _requirements(metadata: Mapping[str, Any]) -> list[str]:
    names = ("numpy", "onnxruntime", "pandas")
    return [f"{n}=={metadata['packages'][n]}" for n in names if n in metadata["packages"]]


def _ensure_model(client: Any) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(SLUG)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _versions(client: Any) -> list[Version]:
    found = client.search_model_versions(f"name = '{SLUG}'", max_results=1000)
    return sorted((_version(v) for v in found), key=lambda version: version.number)


def _version(found: Any) -> Version:
    tags = dict(found.tags)
    return Version(
        int(found.version), tags.get("model_version", ""), tags, found.source, found.run_id
    )


def _aliased(client: Any, alias: str) -> Version | None:
    from mlflow.exceptions import MlflowException

    try:
        return _version(client.get_model_version_by_alias(SLUG, alias))
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _find(client: Any, name: str) -> Version:
    known = _versions(client)
    aliased = _aliased(client, name) if name in (CHAMPION, CHALLENGER) else None
    for version in known:
        if name in (str(version.number), version.model_version):
            return version
    if aliased is not None:
        return aliased
    shown = ", ".join(f"{v.number} ({v.model_version})" for v in known[-10:]) or "none"
    raise UserError(f"There is no version {name!r} in the registry. There are: {shown}.")


def _history(client: Any, now: Version | None) -> list[int]:
    """Versions that were champion, newest last; made to end with the one that is."""
    text = client.get_registered_model(SLUG).tags.get(HISTORY, "[]")
    history = [int(number) for number in json.loads(text)]
    if now is None:
        return []
    if now.number in history:
        # A promotion or rollback was killed half-way, or the alias was moved by hand.
        last = len(history) - 1 - history[::-1].index(now.number)
        return history[: last + 1]
    return [*history, now.number]


def _set_history(client: Any, history: list[int]) -> None:
    client.set_registered_model_tag(SLUG, HISTORY, json.dumps(history[-MOST_REMEMBERED:]))


def _tag(client: Any, version: Version, key: str, value: str) -> None:
    client.set_model_version_tag(SLUG, str(version.number), key, value[:4000])


def _note(
    root: Path,
    action: str,
    version: Version,
    reasons: Sequence[str],
    checks: Sequence[Mapping[str, Any]] = (),
    *,
    before: Version | None = None,
    by: str = "registry",
) -> None:
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "action": action,
        "by": by,
        "version": version.number,
        "model_version": version.model_version,
        "champion_before": before.model_version if before else None,
        "reasons": list(reasons),
        "checks": [dict(check) for check in checks],
    }
    path = root / PROMOTIONS
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell():  # a line that was cut short stays a line of its own
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def to_json(version: Version) -> dict[str, Any]:
    """Plain values that `json.dumps` takes."""
    return asdict(version)
