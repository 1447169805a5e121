"""The command `monitor`."""

import json
from datetime import datetime
from pathlib import Path

import click

ALERTED = 2


@click.command()
@click.option("--since", type=click.DateTime(), help="Events from this moment on (data.time).")
@click.option("--until", type=click.DateTime(), help="Events before this moment.")
@click.option(
    "--file", "source", metavar="PATH", type=click.Path(path_type=Path),
    help="Look at a CSV or Parquet file instead of the journal.",
)  # fmt: skip
@click.option("--page/--no-page", default=True, help="Whether Evidently draws reports/drift.html.")
@click.option(
    "--calibrate", type=click.IntRange(1, 10_000), metavar="DRAWS",
    help="Measure false alarms and power instead, over so many draws of unchanged data.",
)  # fmt: skip
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Override a key of params.yaml for this call, such as monitor.effect=0.2.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def monitor(
    since: datetime | None,
    until: datetime | None,
    source: Path | None,
    page: bool,
    calibrate: int | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compare what was asked and answered lately with what the model was trained on.

    Exit status: 0 nothing to report, 1 a mistake, 2 at least one alert.
    """
    from ..toolkit.project import config
    from ..toolkit.operations import monitor as watch

    root = Path()
    params = config.load(root, overrides)
    if calibrate:
        measured = watch.calibrate(root, params, calibrate)
        click.echo(json.dumps(measured) if as_json else watch.calibration_lines(measured))
        return 0
    result = watch.run(root, params, since, until, source, page)
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else _lines(result))
    return ALERTED if result["alerts"] else 0


def _lines(result: dict) -> str:
    window = result["window"]
    span = f", {window['from']} to {window['to']}" if window["from"] else ""
    head = (
        f"{result['rows']:,} rows ({result['labelled']:,} with labels) of {window['source']}{span}."
    )
    if not result["alerts"]:
        return f"{head}\nNo alert: {len(result['checks'])} checks, all within their thresholds."
    lines = [
        f"{len(result['alerts'])} of {len(result['checks'])} checks are beyond their threshold:"
    ]
    lines += [f"- {says}" for says in result["alerts"]]
    if result["retrain"]:
        lines.append("Retraining is advised (`monitor.retrain_on`).")
    return "\n".join([head, *lines])
