"""A small corpus for the stories of the nlp role: the shops of a village, and what people ask."""

import json
from pathlib import Path

SHOPS = {
    "bakery": ("The bakery", "rye bread", "Anna", "6:30", "The oven is heated with beech wood."),
    "butcher": ("The butcher", "smoked ham", "Bernd", "7:15", "Sausages hang for eleven days."),
    "florist": ("The florist", "tulips", "Clara", "9:00", "Roses come from a glasshouse nearby."),
    "pharmacy": (
        "The pharmacy",
        "cough syrup",
        "Dora",
        "8:00",
        "Prescriptions are kept for a week.",
    ),
    "bookshop": ("The bookshop", "novels", "Emil", "10:00", "Rare maps are in a locked drawer."),
    "garage": ("The garage", "car tyres", "Frida", "7:45", "Brakes are tested on a rolling road."),
    "school": ("The school", "lessons", "Georg", "7:50", "Children learn to swim in the lake."),
    "library": ("The library", "atlases", "Hanna", "11:00", "Books are lent for three weeks."),
    "cinema": ("The cinema", "films", "Igor", "17:00", "The screen is nine metres wide."),
    "dentist": ("The dentist", "fillings", "Judith", "8:30", "Anxious patients get headphones."),
}
EVIL = """# <img src=x onerror="window.owned = 1">Fireworks

<script>window.owned = 1</script> Fireworks are sold by Kaspar <b onmouseover="window.owned = 1">from
noon</b> on the last day of the year. [link](javascript:window.owned=1)
"""


def write(root: Path) -> None:
    """Write `data/raw` and `data/questions.jsonl` into a project."""
    raw = root / "data" / "raw"
    raw.mkdir(parents=True)
    lines = []
    for name, (title, ware, person, hour, fact) in SHOPS.items():
        text = f"# {title}\n\n{person} sells {ware} and opens the door at {hour}.\n\n{fact}\n"
        (raw / f"{name}.md").write_text(text, "utf-8")
        asked = (
            f"Where can I buy {ware}?",
            f"At what time does {person} open?",
            f"What is {person} selling?",
        )
        lines += [
            {"question": question, "relevant": [name], "answerable": True} for question in asked
        ]
    (raw / "fireworks.md").write_text(EVIL, "utf-8")
    lines += [
        {"question": question, "relevant": [], "answerable": False}
        for question in (
            "Which planet has the most moons?",
            "How do volcanoes erupt under glaciers?",
            "Who composed the ninth symphony?",
            "What is the boiling point of mercury?",
            "Which vaccine does a parrot need in Peru?",
            "How large is the parliament of Norway?",
            "What caused the collapse of the Roman empire?",
            "Which enzyme splits lactose?",
            "How deep is the Mariana trench?",
            "Why do satellites not fall down?",
        )
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (root / "data" / "questions.jsonl").write_text(text, "utf-8")
