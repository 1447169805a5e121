"""The model registry: which versions exist, which one answers, and how that changes.

MLflow holds the versions and the aliases `champion` and `challenger`; `models/champion` is a copy of
the champion's bundle, so that the service needs neither MLflow nor a network. The alias is the
truth: it is moved first and the folder swapped after it, and whatever call comes next notices a
folder that does not match and puts it right.
"""

import hashlib
import hmac
import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from requests import RequestException

from ..journal import decision_log
from ..monitoring import reference
from ..project.errors import UserError
from ..project.files import read_json, replace_folder, write_bytes
from ..project.settings import Project
from ..tables.predictor import Predictor
from ..training import tracking
from ..training.bundle import BUNDLE, LADDER, served
from . import flavor

logger = logging.getLogger(__name__)
CHAMPION, CHALLENGER = "champion", "challenger"
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

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json.dumps` takes."""
        return asdict(self)


class Registry:
    """The registered versions of a project's model.

    Parameters
    ----------
    project : Project
        Its slug is the registered model's name; `models/<served>` is where the champion lies.
    load : callable
        From a bundle's folder to a predictor: a bundle that cannot be loaded is not put in place.
    """

    def __init__(self, project: Project, load: Callable[[Path], Predictor]) -> None:
        self.project = project
        self.root = project.root
        self.name = project.slug
        self.load = load
        self.home = project.root / "models" / project.served

    def register(self, loader: str, folder: Path = BUNDLE) -> Version:
        """Put a bundle into the registry as the challenger; a known one is found again.

        The version carries the run, the dataset's hash, the git commit, the hash of the bundle's
        files, the signature of its columns and, with `REGISTRY_KEY`, one of name, version and hash.

        Parameters
        ----------
        loader : str
            Where `load` is found by name, as `module:function`; MLflow loads the bundle by it.
        folder : Path
            The bundle, under the project's folder.

        Raises
        ------
        UserError
            If there is no usable bundle, or the store does not answer.
        """
        folder = self.root / folder
        predictor = self.load(folder)
        mlflow, metadata = self._mlflow, predictor.metadata
        found, key = fingerprint(folder), self.project.environment().registry_key
        with self._store() as client:
            for known in self._versions(client):
                if known.model_version == predictor.version:
                    return known
            with self._run_of(metadata) as run_id:
                logged = mlflow.pyfunc.log_model(
                    name="bundle",
                    loader_module=flavor.__name__,
                    data_path=str(folder),
                    model_config={flavor.LOADER: loader},
                    signature=flavor.signature_of(predictor.schema),
                    # Given, since MLflow would load the model in a process of its own to find them.
                    pip_requirements=_requirements(metadata),
                )
            self._ensure_model(client)
            created = client.create_model_version(
                self.name,
                source=logged.model_uri,
                run_id=run_id,
                model_id=logged.model_id,
                tags={
                    **_origin(metadata),
                    "rung": str(metadata.get("rung", "")),
                    "bundle_sha256": found,
                    **(
                        {"bundle_signature": self._signature(key, predictor.version, found)}
                        if key
                        else {}
                    ),
                },
            )
            client.set_registered_model_alias(self.name, CHALLENGER, created.version)
            return _version(created)

    def adopt(self, loader: str) -> Version:
        """Make what is served the champion of a registry that has none: a new or another server."""
        version = self.register(loader, served(self.project).relative_to(self.root))
        self.attach(version)
        why = "It was serving when the registry had no champion."
        self.promote(version, [why], by="registry")
        return self.find(str(version.number))

    def attach(self, version: Version) -> None:
        """Keep what a version is compared with in the registry, so that every machine can watch it.

        That is the file of `monitoring.reference`; nothing is done where there is none.
        """
        path = reference.path_of(self.root, version.model_version)
        if version.run_id is None or not path.exists():
            return
        with self._store() as client:
            if not _is_attached(client, version, path.name):
                client.log_artifact(version.run_id, str(path), REFERENCE)

    def champion(self) -> Version | None:
        """The version that the alias names, or None; the folder that is served is made to match."""
        with self._store() as client:
            found, held = self._aliased(client, CHAMPION), self._served_version()
            if found is None or held == found.model_version:
                return found
            with self.fetched(found) as bundle:
                self._put_in_place(client, found, bundle)
            place, name = (
                f"models/{self.home.name}",
                f"{found.model_version} (version {found.number})",
            )
            if held is None:
                logger.info("%s: %s, fetched from the registry.", place, name)
            else:
                logger.warning("%s held %s, but the alias names %s: put right.", place, held, name)
                self._note("healed", found, ["The folder did not match the alias."])
            return found

    def find(self, name: str) -> Version:
        """The version called `name`: a number, an alias, or the bundle's own version.

        Raises
        ------
        UserError
            If there is none; the message lists those there are.
        """
        with self._store() as client:
            return self._find(client, name)

    def promote(
        self,
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
        with self._store() as client:
            before = self._aliased(client, CHAMPION)
            history = self._history(client, before)
            if not history or history[-1] != version.number:
                history.append(version.number)
            self._move_alias(client, version, history)
            self._tag(client, version, f"promoted by {by}: {' '.join(reasons)}")
        self._note("promoted", version, reasons, checks, before=before, by=by)

    def refuse(
        self, version: Version, reasons: Sequence[str], checks: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write down that `version` does not replace the champion, and why."""
        with self._store() as client:
            before = self._aliased(client, CHAMPION)
            self._tag(client, version, f"refused: {' '.join(reasons)}")
        self._note("refused", version, reasons, checks, before=before, by="gate")

    def postpone(self, version: Version, reasons: Sequence[str]) -> None:
        """Write down that the champion was to be retrained and could not be, and why."""
        self._note("postponed", version, reasons, before=version, by="monitor")

    def rollback(self, reason: str = "") -> Version:
        """Put the champion before this one back; called again, it goes back one more.

        Raises
        ------
        UserError
            If there was none before.
        """
        with self._store() as client:
            now = self._aliased(client, CHAMPION)
            history = self._history(client, now)
            if now is None or len(history) < 2:
                raise UserError(
                    "There is no champion before this one to go back to. `promote VERSION` puts any "
                    "registered version in place."
                )
            earlier = self._find(client, str(history[-2]))
            self._move_alias(client, earlier, history[:-1])
            why = reason or "Asked for by hand."
            self._tag(client, now, f"rolled back: {why}")
        self._note("rolled back", earlier, [why], before=now, by="hand")
        return earlier

    @contextmanager
    def fetched(self, version: Version) -> Iterator[Path]:
        """A whole, checked copy of a version's bundle beside its later place; removed if not used."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=self.home.parent, prefix=f".{self.home.name}-"))
        try:
            folder = self._download(version, work)
            if fingerprint(folder) != version.tags.get("bundle_sha256"):
                raise UserError(
                    f"The registered files of version {version.number} are not those that were "
                    "registered: a file was lost or changed. Nothing was put in place; train again, "
                    "or promote another version."
                )
            self._require_signed(version)
            self.load(folder)
            folder.chmod(0o755)
            yield folder
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _require_signed(self, version: Version) -> None:
        """With `REGISTRY_KEY`, only believe a version that somebody with the key has registered.

        The hash protects from whoever can write the files; it lies in the registry's database, so it is
        no proof against whoever can write that.
        """
        key = self.project.environment().registry_key
        if key is None:
            return
        expected = self._signature(key, version.model_version, version.tags["bundle_sha256"])
        if not hmac.compare_digest(expected, version.tags.get("bundle_signature", "")):
            raise UserError(
                f"Version {version.number} was not registered with this REGISTRY_KEY. Nothing was put in "
                "place. If you trust it, set the key it was registered with (none, if it had none), "
                "or train and register again."
            )

    def _signature(self, key: str, model_version: str, sha256: str) -> str:
        """HMAC (RFC 2104) of what a version is and what its files hold."""
        said = "\0".join((self.name, model_version, sha256))
        return hmac.new(key.encode(), said.encode(), "sha256").hexdigest()

    @property
    def _mlflow(self) -> Any:
        """MLflow, set up for the project's store; importing it takes a second."""
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        mlflow = tracking.connect(self.project)
        # It asks for pip, which a project of uv has not, and for example rows, which are personal data.
        logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", message=".*input example was not provided.*")
        return mlflow

    @contextmanager
    def _store(self) -> Iterator[Any]:
        """A client of the store; what goes wrong with it is a message for the user."""
        mlflow = self._mlflow
        try:
            yield mlflow.MlflowClient()
        except (mlflow.MlflowException, RequestException) as error:
            raise UserError(
                f"The model registry cannot be used ({tracking.why(self.project, error)}). Models in "
                "place go on serving. Check MLFLOW_TRACKING_URI and run the command again."
            ) from error

    @contextmanager
    def _run_of(self, metadata: Mapping[str, Any]) -> Iterator[str]:
        """The run that trained the bundle, or a new one where it was not logged to this store."""
        mlflow, version = self._mlflow, metadata["model_version"]
        tracking.choose_experiment(self.project, mlflow)
        known = None
        if (self.root / LADDER).exists():
            known = read_json(self.root / LADDER, "train").get("mlflow_run_id")
        if known and _trained(mlflow, known, version):
            with mlflow.start_run(run_id=known):
                yield known
            return
        with mlflow.start_run(run_name=f"bundle {version}", tags=_origin(metadata)) as run:
            scores = metadata.get("metrics", {})
            mlflow.log_metrics({k: v for k, v in scores.items() if isinstance(v, float)})
            self._log_reports(mlflow, version)
            yield str(run.info.run_id)

    def _log_reports(self, mlflow: Any, version: str) -> None:
        """Log the evaluation and figures of a version, if those in the folder are of this one."""
        from ..evaluation.evaluation import FIGURES, METRICS

        if not (self.root / METRICS).exists():
            return
        result = read_json(self.root / METRICS, "evaluate")
        if result.get("model_version") != version:
            return
        mlflow.log_metrics({f"test_{name}": value for name, value in result["chosen"].items()})
        for path in (LADDER, METRICS):
            mlflow.log_artifact(str(self.root / path))
        if (self.root / FIGURES).exists():
            mlflow.log_artifacts(str(self.root / FIGURES), "figures")

    def _download(self, version: Version, work: Path) -> Path:
        mlflow = self._mlflow
        try:
            found = mlflow.artifacts.download_artifacts(
                f"models:/{self.name}/{version.number}", dst_path=str(work)
            )
        except (mlflow.MlflowException, OSError) as error:
            raise UserError(
                f"The files of version {version.number} cannot be fetched from {version.source} "
                f"({tracking.why(self.project, error)}). Nothing was put in place."
            ) from error
        settings = next(Path(found).rglob("MLmodel"), None)
        if settings is None:
            raise UserError(
                f"The registry has version {version.number}, but no files of it under "
                f"{version.source}. Nothing was put in place; bring them back (a local registry is "
                "`mlflow.db` and `mlruns/`), promote another version, or train again."
            )
        [folder] = [path.parent for path in settings.parent.rglob("metadata.json")]
        return folder

    def _move_alias(self, client: Any, version: Version, history: list[int]) -> None:
        """Make `version` the champion, the last one of `history`, once its files are here and whole."""
        with self.fetched(version) as bundle:
            remembered = json.dumps(history[-MOST_REMEMBERED:])
            client.set_registered_model_tag(self.name, HISTORY, remembered)
            client.set_registered_model_alias(self.name, CHAMPION, str(version.number))
            self._put_in_place(client, version, bundle)

    def _put_in_place(self, client: Any, version: Version, bundle: Path) -> None:
        """Make `bundle` the one that answers; its reference comes along, where one was kept."""
        replace_folder(bundle, self.home)
        path = reference.path_of(self.root, version.model_version)
        if path.exists():
            return
        try:
            if _is_attached(client, version, path.name):
                with tempfile.TemporaryDirectory() as work:
                    name = f"{REFERENCE}/{path.name}"
                    found = client.download_artifacts(version.run_id, name, work)
                    write_bytes(path, Path(found).read_bytes())
        except (self._mlflow.MlflowException, OSError) as error:
            # The model answers all the same; `monitor` says what it lacks.
            logger.warning(
                "What version %d is compared with was not fetched: %s", version.number, error
            )

    def _served_version(self) -> str | None:
        try:
            return str(read_json(self.home / "metadata.json", "promote")["model_version"])
        except (UserError, KeyError):
            return None

    def _ensure_model(self, client: Any) -> None:
        try:
            client.create_registered_model(self.name)
        except self._mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _versions(self, client: Any) -> list[Version]:
        found = client.search_model_versions(f"name = '{self.name}'", max_results=1000)
        return sorted((_version(v) for v in found), key=lambda version: version.number)

    def _aliased(self, client: Any, alias: str) -> Version | None:
        try:
            return _version(client.get_model_version_by_alias(self.name, alias))
        except self._mlflow.MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def _find(self, client: Any, name: str) -> Version:
        known = self._versions(client)
        for version in known:
            if name in (str(version.number), version.model_version):
                return version
        if name in (CHAMPION, CHALLENGER) and (aliased := self._aliased(client, name)):
            return aliased
        shown = ", ".join(f"{v.number} ({v.model_version})" for v in known[-10:]) or "none"
        raise UserError(f"There is no version {name!r} in the registry. There are: {shown}.")

    def _history(self, client: Any, now: Version | None) -> list[int]:
        """Versions that were champion, newest last; made to end with the one that is."""
        text = client.get_registered_model(self.name).tags.get(HISTORY, "[]")
        history = [int(number) for number in json.loads(text)]
        if now is None:
            return []
        if now.number in history:
            # A promotion or rollback was killed half-way, or the alias was moved by hand.
            last = len(history) - 1 - history[::-1].index(now.number)
            return history[: last + 1]
        return [*history, now.number]

    def _tag(self, client: Any, version: Version, decision: str) -> None:
        number = str(version.number)
        client.set_model_version_tag(self.name, number, "decision", decision[:4000])

    def _note(
        self,
        action: str,
        version: Version,
        reasons: Sequence[str],
        checks: Sequence[Mapping[str, Any]] = (),
        *,
        before: Version | None = None,
        by: str = "registry",
    ) -> None:
        decision = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "action": action,
            "by": by,
            "version": version.number,
            "model_version": version.model_version,
            "champion_before": before.model_version if before else None,
            "reasons": list(reasons),
            "checks": [dict(check) for check in checks],
        }
        decision_log.append(self.root, decision)


def fingerprint(folder: Path) -> str:
    """Hexadecimal SHA-256 of the names and contents of a bundle's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _trained(mlflow: Any, run_id: str, version: str) -> bool:
    try:
        return bool(mlflow.get_run(run_id).data.tags.get("model_version") == version)
    except mlflow.MlflowException:
        return False


def _is_attached(client: Any, version: Version, name: str) -> bool:
    if version.run_id is None:
        return False
    found = client.list_artifacts(version.run_id, REFERENCE)
    return f"{REFERENCE}/{name}" in {each.path for each in found}


def _origin(metadata: Mapping[str, Any]) -> dict[str, str]:
    keys = ("model_version", "data_sha256", "git_commit")
    return {key: str(metadata[key] or "none") for key in keys}


def _requirements(metadata: Mapping[str, Any]) -> list[str]:
    names = ("numpy", "onnxruntime", "pandas")
    return [f"{n}=={metadata['packages'][n]}" for n in names if n in metadata["packages"]]


def _version(found: Any) -> Version:
    tags = dict(found.tags)
    return Version(
        int(found.version), tags.get("model_version", ""), tags, found.source, found.run_id
    )
