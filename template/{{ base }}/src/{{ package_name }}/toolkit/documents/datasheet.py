"""DATA.md, the datasheet of the documents: half is written from the profile, half by the owner.

After Gebru et al., Datasheets for Datasets (2021).
"""

from pathlib import Path
from typing import Any

from ..evaluation import display
from ..markdown import blocks
from ..markdown.markdown import Table, bullets, escape, paragraphs, table

SKELETON = Path(__file__).with_name("datasheet.md")


def refresh(root: Path, report: dict[str, Any], origin: str = "") -> None:
    """Write the generated block of DATA.md, and the file if there is none.

    Parameters
    ----------
    root : Path
        The project's folder.
    report : dict
        The contents of reports/data.json.
    origin : str
        What is known of where the documents come from; the owner writes the rest.
    """
    dropped = "; ".join(f"{why}: {n:,}" for why, n in report["rows_dropped"].items())
    asked = report["questions"]
    read = escape(
        f"Read from {report['source']}: {report['rows_read']:,} documents, "
        f"{report['rows_used']:,} used{f' (left out: {dropped})' if dropped else ''}. "
        f"{asked['all']:,} questions, {asked['answerable']:,} of them with an answer in "
        f"{asked['documents_named']:,} documents. SHA-256 of the lists begins "
        f"{report['sha256'][:16]}."
    )
    kinds = [[kind, f"{count:,}"] for kind, count in report["kinds"].items()]
    doubts = [display.warning(each) for each in report["warnings"]]
    doubts += [f"{f['check']}: {f['detail']}" for f in report["leaks"] if f["status"] != "passed"]
    content = paragraphs(
        origin,
        read,
        escape(report["missing_policy"]),
        table(Table(["Kind of file", "Documents"], kinds, frozenset([1]))),
        bullets(doubts),
    )
    blocks.refresh(root / "DATA.md", {"data": content}, SKELETON.read_text("utf-8"))
