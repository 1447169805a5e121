"""The monitor's false-alarm rate, and how small a drift it notices: both measured."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ..operations.settings import Monitor
from .checks import Check, lower_bound
from .reference import Reference
from .window import Window

Watch = Callable[[Reference, Window], list[Check]]
Pick = Callable[[np.random.Generator], NDArray[np.bool_]]
Drift = Callable[[Window], Window]

FRACTION = 0.5  # of the rows go to the window in a draw; the rest is the reference
SHIFTS = (0.1, 0.25, 0.5, 1.0)  # standard deviations
MOVED = (0.05, 0.1, 0.2, 0.4)  # shares of rows
RESULT = Path("reports", "monitor-calibration.json")


def run(
    known: Reference, watch: Watch, settings: Monitor, draws: int = 200, seed: int = 0
) -> dict[str, Any]:
    """Split one sample in two at random again and again, and count the alarms.

    In each draw one part is the reference and the other the window, so that nothing has drifted. It is
    done twice: with rows drawn one by one, and with whole days, since the rows of a day share their
    weather and are not independent. Then a known drift is put into the window.

    Parameters
    ----------
    known : Reference
        Of the champion; its held-out rows are drawn from, which it was not trained on.
    watch : callable
        From a reference and a window to the checks.
    settings : Monitor
        The thresholds, written down with the result.
    draws : int
    seed : int

    Returns
    -------
    dict
        `false_alarms`: by way of drawing, the share of draws with an alarm, with its 95% interval
        and the monitors that raised it; `power`: by drift, the share of draws noticed.
    """
    sample = known.held_out
    ways: dict[str, Pick] = {"rows": lambda rng: rng.random(len(sample)) < FRACTION}
    if sample.times is not None and (days := sample.times.dt.date).nunique() >= 10:
        ways["whole days"] = lambda rng: _some_days(rng, days)
    known_drifts, few = drifts(sample), max(draws // 10, 1)
    power = []
    total = draws * len(ways) + few * len(known_drifts)
    with tqdm(total=total, desc="drawing", unit="draw") as bar:

        def count(pick: Pick, draws: int, drift: Drift | None = None) -> dict[str, Any]:
            rng = np.random.default_rng(seed)
            raised: Counter[str] = Counter()
            alarmed = 0
            for _ in range(draws):
                inside = pick(rng)
                before, current = sample.take(~inside), sample.take(inside)
                if drift is not None:
                    current = drift(current)
                found = watch(Reference(known.version, before, before), current)
                monitors = {check.monitor for check in found if check.alert}
                alarmed += bool(monitors)
                raised.update(sorted(monitors))
                bar.update()
            return {
                "alarmed": alarmed,
                "draws": draws,
                "share": alarmed / draws,
                "interval": _interval(alarmed, draws),
                "by_monitor": dict(raised),
            }

        false_alarms = {way: count(pick, draws) for way, pick in ways.items()}
        pick = ways.get("whole days", ways["rows"])
        for name, drift in known_drifts:
            power.append({"drift": name, **count(pick, few, drift)})
    return {
        "draws": draws,
        "rows": len(sample),
        "settings": settings.model_dump(),
        "false_alarms": false_alarms,
        "power": power,
    }


def lines(measured: dict[str, Any]) -> str:
    """The measured rates as lines of text."""
    told = []
    for way, found in measured["false_alarms"].items():
        low, high = found["interval"]
        told.append(
            f"False alarms, {way} drawn: {found['alarmed']} of {found['draws']} draws "
            f"({low:.1%} to {high:.1%})."
        )
    width = max((len(found["drift"]) for found in measured["power"]), default=0)
    told += [
        f"{found['drift']:<{width}}  noticed in {found['alarmed']} of {found['draws']} draws"
        for found in measured["power"]
    ]
    return "\n".join([*told, f"More: {RESULT}"])


def _some_days(rng: np.random.Generator, days: "pd.Series[Any]") -> NDArray[np.bool_]:
    chosen = {day for day in sorted(set(days)) if rng.random() < FRACTION}
    return days.isin(chosen).to_numpy()


def _interval(count: int, total: int) -> list[float]:
    return [lower_bound(count, total, 0.025), 1 - lower_bound(total - count, total, 0.025)]


def drifts(sample: Window) -> list[tuple[str, Drift]]:
    """Known drifts of growing size, each in the column of its kind that has the most values."""
    found: list[tuple[str, Drift]] = []
    changes: list[tuple[str, Callable[[float, Window], Window]]] = []

    def most_varied(kind: str) -> str | None:
        distinct = {
            column.name: sample.inputs[column.name].nunique()
            for column in sample.schema.columns
            if column.kind == kind
        }
        name = max(distinct, key=lambda name: distinct[name], default=None)
        return name if name is not None and distinct[name] > 1 else None

    if name := most_varied("number"):
        found += [
            (f"{name} shifted by {size:g} standard deviations", partial(_shifted, name, size))
            for size in SHIFTS
        ]
        changes.append((f"of {name} lost", partial(_replaced, name, np.nan)))
    if name := most_varied("category"):
        changes.append((f"of {name} moved to one value", partial(_moved, name)))
        changes.append((f"of {name} never seen", partial(_replaced, name, "never seen before")))
    changes.append(("of the labels permuted", _permuted))
    return found + [
        (f"{share:.0%} {what}", partial(change, share))
        for what, change in changes
        for share in MOVED
    ]


def _some(window: Window, share: float) -> NDArray[np.bool_]:
    return np.random.default_rng(len(window)).random(len(window)) < share


def _shifted(name: str, size: float, window: Window) -> Window:
    values = window.inputs[name]
    return replace(window, inputs=window.inputs.assign(**{name: values + size * values.std()}))


def _replaced(name: str, value: Any, share: float, window: Window) -> Window:
    rows = _some(window, share)
    values = window.inputs[name]
    return replace(window, inputs=window.inputs.assign(**{name: values.mask(rows, value)}))


def _moved(name: str, share: float, window: Window) -> Window:
    return _replaced(name, window.inputs[name].mode().iloc[0], share, window)


def _permuted(share: float, window: Window) -> Window:
    if window.truth is None:
        return window
    rows = np.flatnonzero(_some(window, share))
    truth = window.truth.copy()
    truth.iloc[rows] = truth.iloc[np.random.default_rng(0).permutation(rows)].to_numpy()
    return replace(window, truth=truth)
