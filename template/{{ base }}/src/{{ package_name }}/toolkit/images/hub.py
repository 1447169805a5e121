"""A data set of the Hugging Face hub as folders of images, where there is network."""

import io
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..project.errors import UserError
from ..project.files import write_bytes


def fetch(name: str, folder: Path) -> None:
    """Write `<class>/<number>.png` of a data set's training part; what is there already is left.

    Parameters
    ----------
    name : str
        Such as `cifar10` or `owner/dataset`.
    folder : Path
        Where one folder a class is written.

    Raises
    ------
    UserError
        If the library is not installed, the data set cannot be fetched, or it has no images with
        classes.
    """
    try:
        from datasets import ClassLabel, Image, load_dataset
    except ImportError as error:
        raise UserError(
            "`data.source: hub` needs the library `datasets`: run `uv add --group train datasets`."
        ) from error
    try:
        rows: Any = load_dataset(name, split="train")
    except (OSError, ValueError) as error:  # its errors for "no such data set" and "no network"
        raise UserError(
            f"The data set {name!r} cannot be fetched from the Hugging Face hub: {error}. Check the "
            "name and the network, or download the images and use `data.source: folder`."
        ) from error
    images = [column for column, kind in rows.features.items() if isinstance(kind, Image)]
    labels = [column for column, kind in rows.features.items() if isinstance(kind, ClassLabel)]
    if not images or not labels:
        raise UserError(
            f"The data set {name!r} has no column of images beside a column of classes."
        )
    names = rows.features[labels[0]].names
    for number, row in enumerate(tqdm(rows, desc=f"fetching {name}", unit="img")):
        label = str(names[row[labels[0]]]).replace("/", "-").strip(". ") or "unnamed"
        path = folder / label / f"{number:06d}.png"
        if not path.exists():
            buffer = io.BytesIO()
            row[images[0]].save(buffer, "PNG")
            write_bytes(path, buffer.getvalue())
