"""The sample: 2,624 electroluminescence images of solar cells, as the package elpv-dataset brings them.

Deitsch et al. (2019), "Automatic classification of defective photovoltaic module cells in
electroluminescence images", Solar Energy 185, 455-468. The images are installed, copied to `data/`,
which git does not take, and not handed on.
"""

import importlib.util
import shutil
from pathlib import Path

from ..project.errors import UserError
from ..project.files import write_text
from .settings import Data

SOURCE = "elpv-dataset (Buerhop-Lutz et al., 2018, CC BY-NC-SA 4.0)"
NOTICE = (
    "The sample's images are not under this project's licence: they come from elpv-dataset (CC BY-NC-SA "
    "4.0; no commercial use), and so do all that show them. A model trained on them is for demonstration."
)
CITATION = (
    "S. Deitsch, V. Christlein, S. Berger, C. Buerhop-Lutz, A. Maier, F. Gallwitz and C. Riess (2019), "
    "Automatic classification of defective photovoltaic module cells in electroluminescence images, Solar "
    "Energy 185, 455-468, doi:10.1016/j.solener.2019.02.067; C. Buerhop-Lutz et al. (2018), A Benchmark for "
    "Visual Identification of Defective Solar Cells in Electroluminescence Imagery, EU PVSEC, "
    "doi:10.4229/35thEUPVSEC20182018-5CV.3.15"
)
ABOUT = {
    "problem": (
        "Is this solar cell defective? A module glows when current is sent through it, and a camera sees "
        "cracks and dead parts dark. The model says which cells a person should look at or replace; a "
        "defect that is missed costs more than a look at a sound cell."
    ),
    "approach": (
        "Cells of one module share wafers, camera and current. Which module a cell is from is not "
        "recorded, but files are numbered module by module, so blocks of 60 consecutive files are kept "
        "on one side. The candidates differ in what they see of an image: its pixels, its edges, what a "
        "small network learns from these images, or what a network pretrained on photographs has learned."
    ),
    "notice": NOTICE,
    "citation": CITATION,
}
DATASHEET = (
    "The sample is elpv-dataset 1.0.0: solar cells cut from electroluminescence images of 44 modules (18 "
    "monocrystalline, 26 polycrystalline), 300 by 300 grey pixels, corrected for lens and perspective. "
    "Experts said whether a cell is defective and whether they were sure. A probability of defect of 0, 1/3, "
    "2/3 or 1 came of it; here a cell is defective from one half on, and `certainty` is 1 where they were "
    f"sure and 0.667 where not. Licence: CC BY-NC-SA 4.0. Cite: {CITATION}."
)
LABELS = "labels.csv"
# The experts' four answers: the class, and how likely it is right.
MEANING = {
    "0.0": ("functional", "1"),
    "0.3333333333333333": ("functional", "0.667"),
    "0.6666666666666666": ("defective", "0.667"),
    "1.0": ("defective", "1"),
}


def settled(data: Data) -> Data:
    """The settings with what the sample needs, where it is used and they leave it open."""
    if data.source != "sample":
        return data
    return data.model_copy(
        update={
            "positive": data.positive or "defective",
            # About the number of cells of a module.
            "block": 60 if data.block == "auto" else data.block,
            "slices": data.slices or ["type"],
            "certainty": data.certainty or "certainty",
        }
    )


def write(folder: Path) -> None:
    """Write `images/cell<number>.png` and a table of their classes; what is there already is left.

    Raises
    ------
    UserError
        If the package is not installed.
    """
    found = importlib.util.find_spec("elpv_dataset")
    if found is None or not found.submodule_search_locations:
        raise UserError(
            "The sample's images are not installed: `uv sync` brings the package elpv-dataset. For "
            "images of your own, set `data.source: folder` in params.yaml."
        )
    source = Path(found.submodule_search_locations[0]) / "data"
    lines = ["file,class,certainty,type"]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for row in (source / "labels.csv").read_text("utf-8").splitlines():
        if row.strip():
            file, probability, kind = row.split()
            lines.append(",".join([file, *MEANING[probability], kind]))
            copy, original = folder / file, source / file
            if not copy.exists() or copy.stat().st_size != original.stat().st_size:
                shutil.copyfile(original, copy)
    write_text(folder / LABELS, "\n".join(lines) + "\n")
