"""The data stage: where rows come from, what a row is, and how they are split.

It ends with two files, `data/train.parquet` and `data/test.parquet`. Everything after it learns from
the first; the second is opened by `evaluate`, and each opening is counted.
"""

import logging
from pathlib import Path
from typing import Any

from .settings import Params
from .toolkit import leaks
from .toolkit.leaks import Finding
from .toolkit.profiling import columns, contract, datasheet, exploration, summary
from .toolkit.profiling.columns import Profile
from .toolkit.project.files import read_json, write_json
from .toolkit.project.settings import Project
from .toolkit.reading import sample, tables
from .toolkit.reading.settings import Data
from .toolkit.splitting.folds import Fold, make_folds
from .toolkit.splitting.tables import (
    Split,
    folds_by_time,
    require_two_classes,
    split_at_random,
    split_by_group,
    split_by_time,
)
from .toolkit.tables.dataset import Table, write_sides

logger = logging.getLogger(__name__)

SETTLED = Path("data", "settings.json")


def run(project: Project, params: Params) -> dict[str, Any]:
    """Load, look, check for leaks, keep the test rows apart.

    Returns
    -------
    dict
        The content of `reports/data.json`.

    Raises
    ------
    UserError
        If the table cannot be used; the message says why and what to do.
    """
    root = project.root
    table = tables.load(params.data, root, project.environment().database_url)
    logger.info(
        "Read %s rows, %s columns from %s.", *(f"{n:,}" for n in table.frame.shape), table.source
    )
    settings, rule = settle(params, [str(name) for name in table.frame.columns])

    # What each column holds, and which rows and columns no model can use.
    profile = columns.run(table, settings)
    del table  # of a million rows, one copy is enough
    # One description of a row for training, batch prediction and the service.
    schema = contract.infer(profile.frame, profile, settings)
    typed = contract.columns_from_frame(schema, profile.frame)
    contract.require_valid(schema, typed)

    rows = split(profile, settings, params)
    profile.notes += summary.absent_classes(profile, rows)
    findings = hunt_leaks(profile, rows, typed, params.seed)

    digest = write_sides(root, profile.frame, rows)
    write_json(root / "data" / "schema.json", schema.to_json())
    write_json(root / SETTLED, {"data": settings.model_dump(mode="json"), "rule": rule})
    about = sample.ABOUT if settings.source == "sample" else None
    report = summary.summarize(profile, rows, findings, digest, about, settings)
    time = profile.frame[settings.time] if settings.time else None
    report["exploration"] = exploration.explore(schema, typed, profile.y, rows.train, time)
    write_json(root / "reports" / "data.json", report)
    datasheet.refresh(root, report, settings)
    summary.log(report)
    return report


def settle(params: Params, known: list[str]) -> tuple[Data, str | None]:
    """The settings that hold for this table, without the choices that only fit the sample.

    Raises
    ------
    UserError
        If a setting names a column that is not there.
    """
    settings, rule, said = sample.without_choices(params.data, params.ladder.rule, known)
    for sentence in said:
        logger.info("%s", sentence)
    columns.require_settings(settings, known)
    return settings, rule


def settled(root: Path, params: Params) -> Params:
    """The settings of this run as the data stage has settled them; later stages use these."""
    content = read_json(root / SETTLED, "data")
    ladder = params.ladder.model_copy(update={"rule": content["rule"]})
    data = Data.model_validate(content["data"])
    return params.model_copy(update={"data": data, "ladder": ladder})


def split(profile: Profile, settings: Data, params: Params) -> Split:
    """Split into training and test as the model will meet new rows.

    Later rows are predicted from earlier ones, and a customer or a machine that is new is not met in
    training: a random split would test on neighbours of the training rows and promise too much.
    """
    y, classes = profile.y, profile.target.classes is not None
    size, frame = params.split.test_size, profile.frame
    if settings.time is not None:
        rows = split_by_time(frame, settings.time, settings.group, size)
    elif settings.group is not None:
        rows = split_by_group(frame, y, classes, settings.group, size, params.seed)
    else:
        rows = split_at_random(y, classes, size, params.seed)
    if classes:
        require_two_classes(rows, y)
    return rows


def folds(table: Table, params: Params) -> list[Fold]:
    """Fold the training rows with the promise of the split: time respected, groups together."""
    count = params.cv.folds
    if table.time is not None:
        return folds_by_time(table.time, count, table.groups)
    return make_folds(
        table.y, count, classes=table.is_classes, groups=table.groups, seed=params.seed
    )


def hunt_leaks(profile: Profile, rows: Split, typed: dict[str, Any], seed: int) -> list[Finding]:
    """Look for what the model could not know: columns that give the target away, rows on both sides.

    A finding is told loudly and stops nothing, since honest tables trip such checks too.
    """
    return leaks.run(profile, rows, typed, profile.y, seed)
