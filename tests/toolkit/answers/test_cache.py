"""Answers that were given before: bounded, and no reason not to answer."""

from pathlib import Path

from toolkit.answers.cache import Cache


def test_the_cache_is_bounded_and_survives_what_is_wrong_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "answers.sqlite"
    cache = Cache(path, ["v1"], 3)
    for number in range(5):
        cache.put(f"question {number}", {"n": number})
    assert [cache.get(f"question {number}") for number in range(5)] == [
        None,
        None,
        {"n": 2},
        {"n": 3},
        {"n": 4},
    ]
    assert (cache.hits, cache.misses) == (3, 2)
    cache.close()
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database" * 100)
    cache = Cache(broken, [], 3)
    cache.put("q", {"n": 1})
    assert cache.get("q") == {"n": 1}
    none = Cache(tmp_path / "none.sqlite", [], 0)
    none.put("q", {"n": 1})
    assert none.get("q") is None
    assert not (tmp_path / "none.sqlite").exists()
