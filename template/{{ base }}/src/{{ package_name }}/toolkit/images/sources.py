"""Where the images lie: the sample, a folder or archive of the owner, or a data set of the hub."""

import shutil
from pathlib import Path

from ..project.errors import UserError
from . import archives, hub, sample
from .settings import Data

SAMPLE = Path("data", "sample")
HUB = Path("data", "hub")
UNPACKED = Path("data", "unpacked")


def locate(root: Path, data: Data) -> tuple[Path, str]:
    """The folder to look for images in, filled if need be, and what to call the source.

    Raises
    ------
    UserError
        If `data.path` leaves the project, an archive cannot be unpacked, or a data set not be fetched.
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
    if packed := archives.archives_of(folder):
        return archives.unpack(packed, root / UNPACKED), data.path
    return folder, data.path
