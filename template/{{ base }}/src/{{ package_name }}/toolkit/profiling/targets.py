"""Work out what is predicted: the task, the classes and which of them is the positive one."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..project.errors import UserError
from ..reading import arrow_parsing as fast
from ..reading import parsing as values
from ..reading.parsing import PLAIN, Format
from ..reading.settings import Data
from .contract import convert
from .schema import Label, Target
from .warnings import TableWarning, code_apart, grouped, loose_key, plain_key, sentinels, tell

Task = Literal["binary", "multiclass", "regression"]
MOST_CLASSES = 50
FEW_NUMBERS = 10  # up to here whole numbers are taken for classes
MOST_SPELLINGS = 2_000
LABELS = Format(levels=tuple(values.MISSING - {""}))  # a class may be called None
ROWS_PER_CLASS = 10  # 2 of them tested, 8 learnt from: fewer say nothing about a class
POSITIVE = {"true", "yes", "y", "t", "1", "positive", "pos", "present", "case"}


@dataclass
class TargetProfile:
    """The target: `values` has shape (n,), one entry a row that is used."""

    name: str
    task: Task
    reason: str
    values: Any
    classes: list[Label] | None = None
    positive: Label | None = None
    positive_reason: str = ""
    counts: dict[str, int] | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    kept: Any = None
    warnings: list[TableWarning] = field(default_factory=list)

    def as_schema(self, data: Data, written: Format) -> Target:
        """Return what schema.json says of the target, whose numbers are `written` in that way."""
        numeric = self.classes is None
        return Target(
            name=self.name,
            task=self.task,
            classes=self.classes,
            positive=self.positive,
            min=float(np.min(self.values)) if numeric else None,
            max=float(np.max(self.values)) if numeric else None,
            spellings={} if numeric else data.merge_labels,
            format=written,
        )


def present(
    series: "pd.Series[Any]", data: Data, written: Format = PLAIN
) -> tuple[Any, list[TableWarning]]:
    """Mask of the rows with a target, and what is odd about the others.

    A label is missing where the cell is empty, or holds what `data.missing` lists: a class may be
    called None. Among numbers, the usual spellings of a missing value are one.
    """
    name, said = data.target, list[TableWarning]()
    if series.dtype.kind in "biufM":
        return (series.notna() & ~series.isin(values.missing_numbers(written))).to_numpy(), said
    numbers = fast.numbers(series, written)
    if numbers is not None:
        mask = ~np.isnan(numbers)
        words = [str(item).strip() for item in pd.unique(series[~mask]) if pd.notna(item)]
    else:
        codes, uniques = pd.factorize(series)
        texts = [values.to_text(item, replace(LABELS, missing=written.missing)) for item in uniques]
        known = [values.is_missing(text, written, values.UNKNOWN) for text in texts]
        others = [text for text, missing in zip(texts, known, strict=True) if not missing]
        if len(others) > FEW_NUMBERS and not np.isnan(_numbers(others, written)).any():
            words = [text for text, missing in zip(texts, known, strict=True) if text and missing]
        else:
            words, known = [], [text is None for text in texts]
            named = {*data.labels, *data.merge_labels}
            # Unknown beside known is a class.
            doubted = values.UNKNOWN if len(texts) > 2 else {*map(str.lower, values.MISSING)}
            doubtful = [t for t in texts if t and t.lower() in doubted and t not in named]
            if doubtful:
                said.append(tell(name, "label or missing", doubtful, spellings=doubtful))
        mask = ~np.array([*known, True], dtype=bool)[codes]  # code -1 is the last
    lost = [word for word in words if word and word not in written.missing]
    if lost:
        said.append(tell(name, "labels lost", lost, rows=(~mask).sum(), spellings=lost))
    return mask, said


def _numbers(labels: Any, written: Format) -> Any:
    """Labels as float64, NaN where one is no number."""
    codes, uniques = pd.factorize(pd.Series(labels, dtype=object))
    return convert(pd.Series(uniques, dtype=object).astype("str"), "number", written)[0][codes]


def read(
    series: "pd.Series[Any]", data: Data, rows: list[str], written: Format = PLAIN
) -> TargetProfile:
    """Infer the task of a target without missing values.

    Parameters
    ----------
    series : Series of shape (n,)
        The target, as it came from the source.
    data : Data
        `task` and `positive` are followed where they are set.
    rows : list of str of length n
        Where each value stands in the source, for errors.
    written : Format
        How numbers are written.

    Raises
    ------
    UserError
        If there is one class only, too many, or the values do not fit the task.
    """
    name = data.target
    labels, warnings = _labels(series, data)
    numbers = _numbers(labels, written)
    strays = np.flatnonzero(np.isnan(numbers)).tolist()
    distinct = pd.unique(labels)
    if len(distinct) == 1:
        raise UserError(
            f"The target {name!r} has one value only, {distinct[0]!r}, in all {len(labels):,} "
            "rows: there is nothing to tell apart. Name another `data.target`, or load rows of "
            "the other classes too."
        )
    task, reason = _task(name, data.task, labels, numbers, strays, rows, len(distinct))
    if task == "regression":
        profile = TargetProfile(name, task, reason, numbers)
        profile.warnings = sentinels(name, *np.unique(numbers, return_counts=True))
        return profile
    profile = _classified(name, task, reason, labels, data)
    profile.warnings = warnings
    if (code := code_apart(profile.classes or [])) is not None:
        profile.warnings.append(tell(name, "code or missing", [code], code=code))
    return profile


def _labels(series: "pd.Series[Any]", data: Data) -> tuple[Any, list[TableWarning]]:
    """Texts, whole numbers or booleans as an object array, by what all the values are."""
    codes, uniques = pd.factorize(series)
    texts = [str(values.to_text(item, LABELS)) for item in uniques]
    warnings: list[TableWarning] = []
    if len(texts) <= MOST_SPELLINGS:
        texts = _merged(list(map(str, uniques)), texts, np.bincount(codes), data, warnings)
    lower = {str(text).lower() for text in texts}
    read: Any = str
    if lower <= {"true", "false"}:
        read = {"true": True, "false": False}.get
        texts = [str(text).lower() for text in texts]
    elif all(text and text.lstrip("-").isdecimal() and str(int(text)) == text for text in texts):
        read = int
    table = np.empty(len(texts), dtype=object)
    table[:] = [read(text) for text in texts]
    return table[codes], warnings


def _merged(
    raw: list[str], texts: list[str], counts: Any, data: Data, warnings: list[TableWarning]
) -> list[str]:
    """One spelling for labels that differ in case or spaces, or that `data.merge_labels` joins."""
    owned = {text: label for label, those in data.merge_labels.items() for text in those}
    merged = [owned.get(text, text) for text in texts]
    rows: Counter[str] = Counter()
    for label, count in zip(merged, counts, strict=True):
        rows[label] += int(count)
    one: dict[str, str] = {}
    for group in grouped(rows, {label: plain_key(label) for label in rows}):
        own = [label for label in group if label in data.merge_labels]  # kept apart, if two
        usual = own[0] if own else max(group, key=rows.__getitem__)
        one |= {label: usual for label in group if label not in own}
    merged = [one.get(label, label) for label in merged]
    spellings: dict[str, list[str]] = {}
    for label, written, text in zip(merged, raw, texts, strict=True):
        if text not in owned and (written == text or written.strip() == text):
            spellings.setdefault(label, []).append(written)
    told = [
        f"{label}: {', '.join(map(repr, those))}" for label, those in spellings.items() if those[1:]
    ]
    if told:
        warnings.append(tell(data.target, "labels merged", told))
    warnings += _alike(list(dict.fromkeys(merged)), data)
    return merged


def _alike(labels: list[str], data: Data) -> list[TableWarning]:
    """Warn of labels that seem to mean the same: yes and y, 1 and True, late-night and late night."""
    keys = {}
    for label in labels:
        lower = label.lower().strip(".")
        word = "true" if lower in values.TRUE else "false" if lower in values.FALSE else ""
        keys[label] = f"\0{word}" if word else loose_key(label)
    groups = [
        group
        for group in grouped(labels, keys)
        if sum(label in data.merge_labels for label in group) < 2
        if any(len(label) > 1 for label in group)  # t and y may be letters
    ]
    if not groups:
        return []
    setting = ", ".join(f"{group[0]}: {group[1:]}" for group in groups).replace("'", '"')
    return [tell(data.target, "labels alike", map(" / ".join, groups), setting=setting)]


def _task(
    name: str,
    wanted: str,
    labels: Any,
    numbers: Any,
    strays: list[int],
    rows: list[str],
    distinct: int,
) -> tuple[Task, str]:
    stray = f"{labels[strays[0]]!r} ({rows[strays[0]]})" if strays else ""
    if wanted == "regression":
        if strays:
            raise UserError(
                f"`data.task` is regression, and the target {name!r} holds {stray}, which is not a "
                "number. Correct the value, or set `data.task: auto`."
            )
        return "regression", "`data.task` says so"
    if wanted == "binary" and distinct != 2:
        raise UserError(
            f"`data.task` is binary, and the target {name!r} has {distinct:,} different values. "
            "Set `data.task: auto`, or make a column with two values."
        )
    if wanted == "auto" and strays and len(strays) <= max(5, len(labels) // 20) and distinct > 50:
        raise UserError(
            f"The target {name!r} holds numbers and, at {rows[strays[0]]}, {labels[strays[0]]!r}. "
            "Correct the value, or leave the cell empty if it is not known."
        )
    if wanted in ("binary", "multiclass"):
        return ("binary" if distinct == 2 else "multiclass"), "`data.task` says so"
    if distinct == 2:
        return "binary", "the target has two values"
    if strays:
        return "multiclass", f"the target has {distinct} labels that are not numbers"
    return _numeric_task(numbers, distinct)


def _numeric_task(numbers: Any, distinct: int) -> tuple[Task, str]:
    whole = bool((numbers == np.round(numbers)).all())
    if not whole:
        return "regression", f"the target is a number with decimals ({distinct:,} values)"
    if distinct <= FEW_NUMBERS:
        return "multiclass", (
            f"the target has {distinct} whole numbers, taken for classes "
            "(set `data.task: regression` if their size matters)"
        )
    low, high = numbers.min(), numbers.max()
    _, counts = np.unique(numbers, return_counts=True)
    codes = distinct <= MOST_CLASSES and low in (0, 1) and high - low == distinct - 1
    if codes and counts.min() >= max(0.2 * counts.mean(), ROWS_PER_CLASS):
        return "multiclass", (
            f"the target counts from {low:.0f} to {high:.0f} and no value is rare, as codes of "
            "classes do (set `data.task: regression` if their size matters)"
        )
    return "regression", f"the target is a whole number with {distinct:,} different values"


def _classified(name: str, task: Task, reason: str, labels: Any, data: Data) -> TargetProfile:
    counts = pd.Series(labels, dtype=object).value_counts()
    rare = counts[counts < ROWS_PER_CLASS]
    frequent = counts[counts >= ROWS_PER_CLASS]
    if len(frequent) > MOST_CLASSES or (len(frequent) < 2 and len(counts) > MOST_CLASSES):
        raise UserError(
            f"The target {name!r} has {len(counts):,} different labels in {len(labels):,} rows "
            f"(such as {', '.join(repr(x) for x in list(counts.index[:3]))}); up to {MOST_CLASSES} "
            "classes are supported. It looks like an identifier or a text: name another "
            "`data.target`, or join rare labels into fewer classes."
        )
    if len(frequent) < 2:
        listed = ", ".join(f"{label!r}: {n}" for label, n in list(counts.items())[:6])
        raise UserError(
            f"The target {name!r} has fewer than two classes with {ROWS_PER_CLASS} rows or more "
            f"({listed}). Collect more rows of the rare ones: a model cannot be "
            "trained and tested on fewer."
        )
    kept = pd.Series(labels, dtype=object).isin(list(frequent.index)).to_numpy()
    classes: list[Any] = sorted(frequent.index, key=lambda label: (str(type(label)), label))
    if len(classes) == 2:
        task = "binary"
    profile = TargetProfile(name, task, reason, labels[kept], kept=kept)
    profile.left_out = {str(label): int(n) for label, n in rare.items()}
    if task == "binary":
        positive, profile.positive_reason = _positive(classes, frequent, data)
        classes = [*(label for label in classes if label is not positive), positive]
        profile.positive = positive
    profile.classes = classes
    profile.counts = {str(label): int(frequent[label]) for label in classes}
    return profile


def _positive(classes: list[Any], counts: "pd.Series[Any]", data: Data) -> tuple[Any, str]:
    if data.positive is not None:
        wanted = str(data.positive).strip().lower()
        for label in classes:
            if str(label).lower() == wanted:
                return label, "`data.positive` says so"
        # YAML makes true of yes, and a label may be 1.
        for label in classes if isinstance(data.positive, bool) else ():
            if str(label).lower() in (values.TRUE if data.positive else values.FALSE):
                return label, "`data.positive` says so"
        raise UserError(
            f"`data.positive` is {data.positive!r}, which is not a class of {data.target!r}. "
            f"Its classes are {', '.join(map(repr, classes))}."
        )
    for label in classes:
        if str(label).lower() in POSITIVE:
            return label, f"the class {label!r} reads as the event to be found"
    rarer = min(classes, key=lambda label: int(counts[label]))
    return rarer, (
        f"the class {rarer!r} is the rarer one (set `data.positive` to choose the other)"
    )
