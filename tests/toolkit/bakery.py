"""A small corpus for the tests of answers: a bakery's handbook, whose facts are easy to check."""

from toolkit.retrieval.chunks import Chunk, Hit

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
