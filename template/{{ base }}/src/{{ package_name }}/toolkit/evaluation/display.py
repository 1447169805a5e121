"""Numbers and metric names as a reader should see them."""

import math
from typing import Any

# A role whose metrics have other names adds them.
LABELS = {
    "accuracy": "Accuracy",
    "average_precision": "Average precision",
    "bias": "Mean error (bias)",
    "balanced_accuracy": "Balanced accuracy",
    "brier": "Brier score",
    "cost_per_1000": "Cost per 1,000 rows",
    "brier_score": "Brier score",
    "ece": "Calibration error (ECE)",
    "f1": "F1",
    "f1_macro": "F1 (macro)",
    "f1_weighted": "F1 (weighted)",
    "log_loss": "Log loss",
    "mae": "MAE",
    "mape": "MAPE",
    "mean_absolute_error": "MAE",
    "mean_absolute_percentage_error": "MAPE",
    "mean_squared_error": "MSE",
    "median_absolute_error": "Median absolute error",
    "precision": "Precision",
    "precision_macro": "Precision (macro)",
    "r2": "R²",
    "recall": "Recall",
    "recall_macro": "Recall (macro)",
    "rmse": "RMSE",
    "roc_auc": "ROC AUC",
    "roc_auc_ovo": "ROC AUC (one vs. one)",
    "roc_auc_ovr": "ROC AUC (one vs. rest)",
    "selection_rate": "Share predicted positive",
    "roc_auc_ovr_weighted": "ROC AUC (one vs. rest, weighted)",
    "root_mean_squared_error": "RMSE",
}
# A multiclass run measures the means over its classes under the short names.
ALIASES = {
    "f1_macro": "f1",
    "precision_macro": "precision",
    "recall_macro": "recall",
    "roc_auc_ovr": "roc_auc",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
    "brier_score": "brier",
}
SMALLER_IS_BETTER = {
    "brier",
    "brier_score",
    "cost_per_1000",
    "ece",
    "log_loss",
    "mae",
    "mape",
    "max_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "median_absolute_error",
    "mse",
    "rmse",
    "root_mean_squared_error",
}
PERCENT = {"mape", "mean_absolute_percentage_error"}
AT_HALF = "_at_half"  # what a scorer measures where the model decides at another threshold
# What a reader in a hurry should see first, after the metric that chose.
TELLING = [
    "cost_per_1000",
    "recall",
    "precision",
    "balanced_accuracy",
    "rmse",
    "mae",
]


def metric_key(name: str) -> str:
    """Return the metric a scorer measures: `neg_log_loss` is `log_loss` turned round."""
    return name.removeprefix("neg_")


def metric_label(name: str) -> str:
    """Return a metric's name in words."""
    key = metric_key(name).removesuffix(AT_HALF)
    label = LABELS.get(key, key.replace("_", " ").capitalize())
    return f"{label} at a threshold of 0.5" if name.endswith(AT_HALF) else label


def lowered(name: str) -> str:
    """Return a metric's name as it stands inside a sentence: `recall`, but `ROC AUC`."""
    label = metric_label(name)
    is_name = label[:2].isupper() or label[1:2].isdigit() or label.startswith("Brier")
    return label if is_name else label[:1].lower() + label[1:]


def smaller_is_better(name: str) -> bool:
    """Say whether a reader should prefer the smaller value of this metric."""
    key = metric_key(name).lower().replace(" ", "_")
    return name.startswith("neg_") or key in SMALLER_IS_BETTER or key.endswith(("_error", "_loss"))


def lookup(values: dict[str, Any], name: str) -> Any:
    """Find a metric in `values` under its scorer name or under its short one; None if absent."""
    return next((values[known] for known in names_of(name) if known in values), None)


def names_of(name: str) -> tuple[str, str, str]:
    """The names under which a scorer's metric may have been measured, the likeliest first."""
    key = metric_key(name)
    return name, key, ALIASES.get(key, key)


def number(value: float | int | None, digits: int = 3) -> str:
    """Format a number to `digits` significant digits, with thousands separated."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    size = abs(value)
    if float(value).is_integer() and size < 1e15:
        return _minus(f"{int(value):,}")
    if size < 1e-4 or size >= 1e15:
        return _minus(f"{value:.{digits - 1}e}")
    decimals = max(digits - 1 - math.floor(math.log10(size)), 0)
    return _minus(f"{value:,.{decimals}f}")


def _minus(text: str) -> str:
    """Write a true minus sign, and none before a zero."""
    if not text.strip("-0.,"):
        return text.lstrip("-")
    return text.replace("-", "−")


def brief(value: float | None) -> str:
    """Format a number for a sentence: three significant digits, no zeros at the end."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def percent(share: float | None, decimals: int = 1) -> str:
    """Format a share in [0, 1] as a percentage."""
    if share is None:
        return "–"
    return f"{100 * share:.{decimals}f}%"


def score(name: str, value: float | None) -> str:
    """Format a metric's value; scorers that scikit-learn negates are shown positive."""
    if value is None or not math.isfinite(value):
        return "–"
    key = metric_key(name)
    shown = abs(value) if name.startswith("neg_") else value
    if key in PERCENT:
        return percent(shown)
    if abs(shown) < 10 and (key not in SMALLER_IS_BETTER or key in {"brier", "ece", "log_loss"}):
        return _minus(f"{shown:.3f}")
    return number(shown)


def interval_of_shares(bounds: list[float]) -> str:
    """Format `[low, high]` of shares in percent."""
    return " to ".join(percent(bound) for bound in bounds)


def signed(value: float | None) -> str:
    """Format a difference with its sign: three decimals, fewer where the number is large."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size == 0:
        return "0"
    text = f"{size:.3f}" if 0.0005 <= size < 1 else number(size, 2 if size < 1 else 3)
    return ("+" if value > 0 else "−") + text


def interval(bounds: list[float] | None, name: str = "") -> str:
    """Format `[low, high]` as `low to high`; empty when there is none."""
    if not bounds or any(bound is None for bound in bounds):
        return ""
    low, high = bounds
    if name.startswith("neg_"):
        low, high = sorted((abs(low), abs(high)))
    return f"{score(metric_key(name), low)} to {score(metric_key(name), high)}"


def signed_interval(bounds: list[float] | None) -> str:
    """Format an interval of differences."""
    if not bounds or any(bound is None for bound in bounds):
        return ""
    return f"{signed(bounds[0])} to {signed(bounds[1])}"


def money(amount: float | None, currency: str) -> str:
    """Format an amount with its currency code, whole units from 100 up."""
    if amount is None:
        return "–"
    decimals = 0 if abs(amount) >= 100 or float(amount).is_integer() else 2
    return f"{currency} {_minus(f'{amount:,.{decimals}f}')}".strip()


def money_interval(bounds: list[float], currency: str) -> str:
    """Format an interval of amounts, both to the same unit."""
    whole = max(map(abs, bounds)) >= 100
    low, high = (round(bound) if whole else bound for bound in bounds)
    return f"{money(low, currency)} to {money(high, '')}"


def cell(value: Any, limit: int = 80) -> str:
    """Format any JSON value for a table cell: short, on one line."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and _is_small_integer(value)):
        return _minus(str(int(value)))
    if isinstance(value, float):
        return number(value)
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _is_small_integer(value: float) -> bool:
    """Whether a value may be a year or a code, in which no thousands are separated."""
    return value.is_integer() and abs(value) < 10_000


def class_label(data: dict[str, Any], value: Any) -> str:
    """A class as a reader knows it: its label in reports/data.json, or its value."""
    labels = (data.get("target") or {}).get("labels") or {}
    return cell(labels.get(str(value), value), 40)


def sentence(text: str) -> str:
    """Start with a capital letter."""
    return text[:1].upper() + text[1:]


def day(moment: object) -> str:
    """Shorten an ISO moment to its day."""
    return str(moment).replace("T", " ").split(" ")[0] if moment else "an unknown date"


def listing(names: list[str], limit: int = 6) -> str:
    """Join names as a sentence does: `a, b and c`, the rest counted."""
    shown = [cell(name, 60) for name in names[:limit]]
    if len(names) > limit:
        shown.append(f"{len(names) - limit} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def plural(count: int, noun: str) -> str:
    """Format a count with its noun: `1 row`, `2 rows`, `3 classes`, `4 searches`."""
    ending = "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{count:,} {noun if count == 1 else noun + ending}"


def case(data: dict[str, Any]) -> str:
    """What is judged one by one, in the words of reports/data.json."""
    return str(data.get("case") or "row")


def warning(entry: dict[str, Any] | str) -> str:
    """Write an entry of `warnings` in reports/data.json as one line of prose."""
    if isinstance(entry, str):
        return entry
    where = f"Column {entry['column']}: " if entry["column"] is not None else ""
    shown = ", ".join(map(repr, entry["examples"]))
    examples = f" Examples: {shown}." if shown else ""
    taken = f"Accepted: {entry['accepted']}" if entry.get("accepted") else entry["remedy"]
    return f"{where}{entry['detail']}{examples} {taken}".strip()
