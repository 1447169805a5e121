"""Items of `check` on the run: its data, its numbers, its test set."""

import json
from contextlib import suppress
from typing import Any

from ..evaluation import display
from ..evaluation.display import plural
from ..evaluation.openings import OPENINGS
from ..reporting.run import Run
from ..training import tracking
from . import own_words, pipeline
from .look import Judge, Look, Unseen, need
from .role import LEFT


def own_data(at: Look) -> str:
    """The project is about the owner's problem."""
    data = getattr(at.params, "data", None)
    source, path = getattr(data, "source", ""), getattr(data, "path", None)
    need(
        source != "sample",
        "This is the template's sample, as in every project that began with it. Say under `data` where "
        "your own data lies (docs/use.md), then `run`.",
    )
    return f"{source} {path or ''}".strip()


def finished(at: Look) -> str:
    """All four stages have left their files."""
    files = [name for left in LEFT.values() for name in left]
    missing = [name for name in files if not (at.root / name).is_file()]
    need(not missing, f"{', '.join(missing)} not there yet.")
    return f"{len(files)} files of four stages"


def as_it_seems(at: Look) -> str:
    """What the data warned of has been mended or accepted."""
    warnings = at.json("reports/data.json").get("warnings") or []
    if told := [str(each) for each in warnings if not isinstance(each, dict)]:
        return Judge(" ".join(told[:3]))
    left = [
        f"{entry['kind']} ({entry['column'] or 'the table'})"
        for entry in warnings
        if not entry["mended"] and len(own_words.WORD.findall(entry.get("accepted") or "")) < 3
    ]
    need(
        not left,
        f"{plural(len(left), 'warning')} in reports/data.json: {display.listing(left, 5)}. Follow the "
        "remedy, or take it with `data.accept: [{column, kind, reason}]`, the reason in three words "
        "at least; then `run`.",
    )
    return f"{plural(len(warnings), 'warning')} answered" if warnings else "no warning"


def no_leak(at: Look) -> str:
    """Leak checks ran, and none failed."""
    checks = at.json("reports/data.json").get("leaks") or []
    need(
        checks,
        "reports/data.json lists no leak check: data.py must call one.",
        "uv run {slug} data",
    )
    failed = [check for check in checks if check.get("status") == "failed"]
    said = (f"{check['check']}: {check.get('remedy') or check['detail']}" for check in failed)
    need(not failed, " ".join(said))
    return f"{plural(len(checks), 'check')} ran"


def beats_baseline(at: Look) -> str:
    """The shipped model is better than the first candidate, beyond chance."""
    run = Run.load(at.project)
    bounds: list[float] = run.test_gain().get("ci") or []
    verdict = run.metrics.get("verdict") or {}
    unsaid = "The gain over the baseline has not been measured."
    need(bounds or run.metrics.get("gain"), unsaid, "uv run {slug} evaluate")
    need(bounds, f"The test set holds {run.resampled.removeprefix('resampling ')}. Use more data.")
    if bounds[0] <= 0 and verdict.get("kind") == "rule":
        return "a rule is enough, and the report says so"
    need(
        bounds[0] > 0, "The interval of the gain includes zero. Find better features or more rows."
    )
    return f"95% CI of the gain {display.signed_interval(bounds)}"


def current(at: Look) -> str:
    """Results are those of the settings and the code beside them, and documents say what they say."""
    need(
        at.text("dvc.lock"),
        "There is no dvc.lock, so nothing says what the results were made from.",
    )
    changed = pipeline.changed(at.root)
    need(not changed, f"{', '.join(changed)} changed since the results were made.")
    for name, text in at.rewritten.items():
        made = own_words.blocks(text)
        there = own_words.blocks(at.text(name)).items()
        differ = [block for block, said in there if said != made.get(block, said)]
        said = f"{name}: `{'`, `'.join(differ)}` is not what the run wrote."
        need(not differ, said, "uv run {slug} report")
    return "by DVC, and by writing the documents again"


def opened_once(at: Look) -> str:
    """The test set judged as many models as it says: git's history and MLflow know of no other."""
    metrics, file = at.json("reports/metrics.json"), OPENINGS.as_posix()
    count, version = metrics.get("test_openings"), metrics.get("model_version")
    sets = at.json(file)["test_sets"] if at.text(file) else {}
    ours = next((key for key in reversed(sets) if version in _models(sets, key)), "")
    need(ours, f"{file} does not have model {version}.", "uv run {slug} evaluate")
    known = {"MLflow": tracking.judged(at.project, ours)}
    for commit in (at.git("log", "--all", "--format=%h", "--", file) or "").split():
        with suppress(ValueError):
            then = json.loads(at.git("show", f"{commit}:./{file}") or "{}")
            known[f"commit {commit}"] = _models(then.get("test_sets", {}), ours)
    lost = {
        f"{model} ({place})"
        for place, models in known.items()
        for model in models - _models(sets, ours)
    }
    need(
        not lost,
        f"{file} lacks models that were judged on this test set: {', '.join(sorted(lost)[:5])}. Put "
        'each back into its list as {"model_version": "…", "at": "…"}, then `evaluate` and `run`.',
        f"edit {file}",
    )
    judged = len(_models(sets, ours))
    said = f"{plural(judged, 'model')} were judged on it, and the report tells of {count}."
    need(judged == count, said, "uv run {slug} evaluate")
    if not any(known.values()):
        raise Unseen(f"{file} was never committed, and MLflow does not know of it")
    return (
        f"{plural(judged, 'model')}"
        if judged == 1
        else Judge(f"{judged} models, as the report says")
    )


def _models(sets: dict[str, Any], test_set: str) -> set[str]:
    return {str(each.get("model_version")) for each in sets.get(test_set, [])}
