"""A small corpus for the tests of answers: a bakery's handbook, whose facts are easy to check."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from toolkit.answers.confidence import Calibration
from toolkit.documents.json_lines import write_lines
from toolkit.project.files import write_json
from toolkit.retrieval.bundle import CHUNKS
from toolkit.retrieval.chunks import Chunk, Hit
from toolkit.retrieval.index import Setup
from toolkit.retrieval.lexical import Bm25

PASSAGES = {
    "rye#0": (
        "Rye bread",
        "Rye bread rests for 36 hours before it is sliced. The dough holds 1,200 grams of flour and is "
        "baked at 240 degrees.\n\nIt does not contain wheat. Write to rye_team@bakery.example for the recipe.",
    ),
    "croissant#0": (
        "Croissants",
        "Croissants are folded three times with cold butter. Between two folds the dough is chilled for "
        "30 minutes at 4 degrees. Old croissants become almond croissants the next morning.",
    ),
    "oven#0": (
        "The oven",
        "The stone oven needs 90 minutes to reach its temperature. Call `heat_up(oven, degrees=240)` in "
        "the control program to start it. Never open the door during the first ten minutes.",
    ),
    "shop#0": (
        "Opening hours",
        "The shop opens at 6:30 on weekdays and at 8 on Sundays. It is closed on 24 December.",
    ),
}
HITS = [
    Hit(Chunk(name, name.split("#")[0], text, title), 1.0 - place / 10, 0.8 - place / 10)
    for place, (name, (title, text)) in enumerate(PASSAGES.items())
]


def hits(*names: str) -> list[Hit]:
    """Hits by the ids of their passages, in that order."""
    return [next(hit for hit in HITS if hit.chunk.id == name) for name in names]


QUESTION = "How long does rye bread rest before it is sliced?"
EVIL = Chunk(
    "evil#0",
    "evil",
    "<script>document.title = 'owned'</script> A <img src=x onerror=alert(1)> poppy seed roll "
    "costs two coins.",
    "<b onmouseover=alert(2)>Poppy seed</b>",
)


def save_bundle(folder: Path, more: Sequence[Chunk] = (), **changed: Any) -> Path:
    """Write a bundle that is searched by words."""
    chunks = [*(hit.chunk for hit in HITS), EVIL, *more]
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / CHUNKS, map(asdict, chunks))
    Bm25.fit(chunks).save(folder)
    metadata = {
        "model_version": "v1",
        "setup": Setup("bm25", False).to_json(),
        "answers": {"longest_question": 200},
        "llm": {},
        "confidence": Calibration({"coverage": 10.0}, -4.0).to_json(),
        "review": {"on": True, "cutoff": 0.1},
        "example": QUESTION,
        "schema": {"columns": []},
        **changed,
    }
    write_json(folder / "metadata.json", metadata)
    return folder
