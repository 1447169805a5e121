"""What the owner says of the fields in DATA.md reaches the try-it page."""

from pathlib import Path

from toolkit.profiling.datasheet import MEANINGS, meanings

TEXT = """# Data

## Fields

- distance: not this one

## Meaning and units

<!-- owner: ... -->
- distance: Miles between the airports
* `late rate`: Share of yesterday's flights, 0 to 1
- unknown: nothing of the schema

## Known biases

- origin: not this one either
"""


WRITTEN = """<!-- data:start -->
- `distance`: distance (miles)
- `seats`: seats of the aircraft
<!-- data:end -->

## Meaning and units

- seats: seats that are sold
"""


def test_what_came_with_the_sample_counts_until_the_owner_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "DATA.md").write_text(WRITTEN, "utf-8")
    told = {"distance": "distance (miles)", "seats": "seats that are sold"}
    assert meanings(tmp_path, ["distance", "seats"]) == told


def test_every_column_of_the_samples_query_has_a_meaning() -> None:
    query = next((Path(__file__).parents[3] / "template").glob("*/sql/training.sql")).read_text()
    names = {line.strip().partition(":")[0] for line in MEANINGS.splitlines()}
    selected = query.rpartition("\nSELECT\n")[2].partition("\nFROM")[0]
    columns = {part.split()[-1].rpartition(".")[2] for part in selected.split(",")}
    assert columns - {"late"} == names


def test_lines_of_the_section_are_read_by_field(tmp_path: Path) -> None:
    names = ["distance", "late rate", "origin"]
    assert meanings(tmp_path, names) == {}
    (tmp_path / "DATA.md").write_text(TEXT, "utf-8")
    assert meanings(tmp_path, names) == {
        "distance": "Miles between the airports",
        "late rate": "Share of yesterday's flights, 0 to 1",
    }
