"""DATA.md, the datasheet of the images: half is written from the profile, half by the owner.

After Gebru et al., Datasheets for Datasets (2021).
"""

from pathlib import Path
from typing import Any

from ..markdown import blocks
from ..markdown.markdown import Table, bullets, escape, paragraphs, table
from . import sample

SKELETON = Path(__file__).with_name("datasheet.md")
MOST_CLASSES = 50


def refresh(root: Path, report: dict[str, Any], source: str) -> None:
    """Write the generated block of DATA.md, and the file if there is none.

    Parameters
    ----------
    root : Path
        The project's folder.
    report : dict
        The contents of reports/data.json.
    source : str
        `data.source` in params.yaml.
    """
    counts = report["target"]["classes"]
    total = sum(counts.values())
    dropped = "; ".join(f"{why}: {n:,}" for why, n in report["rows_dropped"].items())
    read = escape(
        f"Read from {report['source']}: {report['rows_read']:,} images, "
        f"{report['rows_used']:,} used{f' (left out: {dropped})' if dropped else ''}. SHA-256 of "
        f"the list of files begins {report['sha256'][:16]}."
    )
    rows = [[label, f"{n:,}", f"{n / total:.1%}"] for label, n in counts.items()][:MOST_CLASSES]
    traits = [
        [c["name"].replace("_", " "), f"{c['min']:.4g}", f"{c['mean']:.4g}", f"{c['max']:.4g}"]
        for c in report["columns"]
        if c["kind"] == "number"
    ]
    doubts = [*report["warnings"]]
    doubts += [f"{f['check']}: {f['detail']}" for f in report["leaks"] if f["status"] != "passed"]
    content = paragraphs(
        sample.DATASHEET if source == "sample" else "",
        read,
        *map(escape, report["layout"]),
        escape(report["missing_policy"]),
        table(Table(["Class", "Images", "Share"], rows, frozenset([1, 2]))),
        table(Table(["Trait", "Minimum", "Mean", "Maximum"], traits, frozenset([1, 2, 3]))),
        bullets(doubts),
    )
    blocks.refresh(root / "DATA.md", {"data": content}, SKELETON.read_text("utf-8"))
