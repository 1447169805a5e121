"""DATA.md, the datasheet of the images: half is written from the profile, half by the owner.

After Gebru et al., Datasheets for Datasets (2021).
"""

from pathlib import Path
from typing import Any

from ..markdown import blocks
from ..markdown.markdown import Table, bullets, escape, paragraphs, table

SKELETON = """# Data

What the project learns from, where it comes from and what is wrong with it.

## Source and licence

<!-- owner: Say who took or publishes the images, where and when you got them, and under which licence. -->

## Collection

<!-- owner: Say how, when, with which camera and of whom or what, and who or what is missing. -->

## Labels

<!-- owner: Say who named the classes, following which instructions, and how often two people would disagree. -->

## Images

<!-- data:start -->
<!-- data:end -->

## People

<!-- owner: Say whether people or their property can be recognised, and on which legal basis you use that. -->

## Known biases

<!-- owner: Say how these images differ from those the model will meet, and who bears the cost. -->

## Upkeep

<!-- owner: Say how often new images come, who checks them, and when old ones must be deleted. -->
"""
SAMPLE = (
    "The sample is scikit-learn's copy of the test part of the Optical Recognition of Handwritten "
    "Digits data set (E. Alpaydin, C. Kaynak, 1998, UCI, CC BY 4.0): digits of 43 people, scanned "
    "and reduced to 8 by 8 pixels of 17 grey levels."
)
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
        SAMPLE if source == "sample" else "",
        read,
        escape(report["missing_policy"]),
        table(Table(["Class", "Images", "Share"], rows, frozenset([1, 2]))),
        table(Table(["Trait", "Minimum", "Mean", "Maximum"], traits, frozenset([1, 2, 3]))),
        bullets(doubts),
    )
    blocks.refresh(root / "DATA.md", {"data": content}, SKELETON)
