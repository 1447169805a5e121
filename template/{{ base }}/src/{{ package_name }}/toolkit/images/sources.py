"""Where the images lie: the sample, a folder of the owner, or a data set of the Hugging Face hub."""

import shutil
from pathlib import Path

from ..project.errors import UserError
from . import hub, sample
from .settings import Data

SAMPLE = Path("data", "sample")
HUB = Path("data", "hub")


def locate(root: Path, data: Data) -> tuple[Path, str]:
    """The folder with one folder a class, filled if need be, and what to call the source.

    Raises
    ------
    UserError
        If `data.path` leaves the project, or a data set cannot be fetched.
    """
    # The pipeline expects the folder of the sample, empty or not.
    (root / SAMPLE).mkdir(parents=True, exist_ok=True)
    if data.source == "sample":
        sample.write(root / SAMPLE)
        return root / SAMPLE, sample.SOURCE
    shutil.rmtree(root / SAMPLE)
    (root / SAMPLE).mkdir()
    if data.source == "hub":
        hub.fetch(data.path, root / HUB)
        return root / HUB, f"the Hugging Face data set {data.path}"
    folder = root / data.path
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UserError(f"`data.path` is {data.path!r}: name a folder inside the project.")
    return folder, data.path
