"""An index as files of the model's bundle: written by `train`, loaded by whatever searches."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import stores
from ..documents import language
from ..documents.json_lines import read_lines, write_lines
from ..documents.settings import DocumentEnvironment
from ..project.errors import UserError
from ..stores import Store
from .chunks import Chunk
from .corpus import Corpus
from .embedder import Embedder
from .index import Arrange, Dense, Index, Setup
from .lexical import RANKERS
from .scores import DEPTH

CHUNKS = "passages.jsonl"
PACKAGES = ("bm25s", "fastembed", "onnxruntime", "chromadb", "numpy", "scikit-learn")
PARITY_BOUND = 1e-3
PARITY_QUESTIONS = 20


def installed_packages() -> list[str]:
    """Those of `PACKAGES` that are here; a store or an embedder that is not used may be missing."""
    found = []
    for name in PACKAGES:
        try:
            version(name)
        except PackageNotFoundError:
            continue
        found.append(name)
    return found


def write_index(
    folder: Path, corpus: Corpus, setup: Setup, embedder: Embedder | None, store: Store | None
) -> dict[str, Any]:
    """Write what is searched into a bundle.

    Parameters
    ----------
    folder : Path
        The bundle being made.
    corpus : Corpus
    setup : Setup
        The chosen one.
    embedder : Embedder or None
        Of the chunks, where the setup searches vectors.
    store : Store or None
        An empty one for the vectors; it is filled and closed.

    Returns
    -------
    dict
        `embedder` and `store`: what `load_index` needs of the metadata besides the setup.
    """
    size = corpus.sizes[setup.joined]
    write_lines(folder / CHUNKS, map(asdict, size.chunks))
    if setup.lexical:
        size.lexical(setup.lexical).ranker.save(folder)
    if embedder is None or store is None:
        return {"embedder": None, "store": None}
    store.add([chunk.id for chunk in size.chunks], size.vectors)
    store.close()
    return {"embedder": embedder.save(folder), "store": store.spec}


def load_index(
    folder: Path, metadata: Mapping[str, Any], environment: DocumentEnvironment, arrange: Arrange
) -> Index:
    """Read what `write_index` wrote; texts of this process are in its language from then on.

    Raises
    ------
    UserError
        If a part of it is damaged, or the database does not hold it.
    """
    language.use(metadata.get("language", language.DEFAULT))
    setup = Setup.from_json(metadata["setup"])
    chunks = [Chunk(**value) for value in read_lines(folder / CHUNKS, "train")]
    lexical = RANKERS[setup.lexical].load(folder) if setup.lexical else None
    dense = None
    if setup.dense:
        embedder = Embedder.load(folder, metadata["embedder"], environment.embeddings_base_url)
        store = stores.load(folder, metadata["store"], environment.database_url)
        dense = Dense(store, embedder.vector, [chunk.id for chunk in chunks])
    return Index(chunks, setup, lexical, dense, arrange)


def check_parity(trained: Index, written: Index, questions: Sequence[str]) -> dict[str, Any]:
    """Compare the scores that the trained and the written index give to what they find.

    Raises
    ------
    UserError
        If they differ by more than `PARITY_BOUND`; the bundle must then not be used.
    """
    asked = questions[:PARITY_QUESTIONS]
    differences = []
    for question in asked:
        pairs = [
            [hit.score for hit in index.search(question, DEPTH)] for index in (trained, written)
        ]
        same = len(pairs[0]) == len(pairs[1])
        gaps = [abs(a - b) for a, b in zip(*pairs, strict=False)]
        differences.append(max(gaps, default=0.0) if same else float("inf"))
    largest = max(differences)
    if largest > PARITY_BOUND:
        raise UserError(
            f"The written index answers differently from the trained one (by {largest:.1e}), so it "
            "was not put in place. Set `store: numpy` in params.yaml, which compares every vector."
        )
    return {"rows": len(asked), "largest_difference": largest}
