"""The data stage: where images come from, what a row is, and how rows are split.

A row is one file; its class is the name of the folder it lies in, or a cell of a table beside it
(`toolkit/images/layouts.py` has the layouts that are recognised). The stage ends with two lists,
`data/train.json` and `data/test.json`; the images stay where they are. Everything after it learns
from the first; the second is opened by `evaluate`, and each opening is counted.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .settings import Params
from .toolkit.images import datasheet, leaks, sample, summary
from .toolkit.images.dataset import SCHEMA, ImageDataset, write_datasets
from .toolkit.images.duplicates import group_images, near_duplicates
from .toolkit.images.leaks import Finding
from .toolkit.images.scanning import ImageFile, scan
from .toolkit.images.selection import ordered_classes, require_classes, settle
from .toolkit.images.sources import locate
from .toolkit.project.files import write_json
from .toolkit.project.settings import Project
from .toolkit.splitting import folds as cv
from .toolkit.splitting.folds import Fold
from .toolkit.splitting.images import Split, split_given, split_stratified


def run(project: Project, params: Params) -> dict[str, Any]:
    """Look at every image, name what cannot be used, check for leaks, keep the test images apart.

    Returns
    -------
    dict
        The content of `reports/data.json`.

    Raises
    ------
    UserError
        If the images cannot be learnt from; the message says why and what to do.
    """
    root, settings = project.root, sample.settled(params.data)
    folder, source = locate(root, settings)
    found = scan(root, folder, params.images.max_megapixels, settings, params.seed)
    require_classes(found, folder)
    images = found.images
    classes = ordered_classes(images, settings.positive)
    # One description of an image for training, batch prediction and the service.
    schema = settle(images, classes, params.images)

    pairs = near_duplicates(images)
    groups = group_images(images, pairs, settings, folder.relative_to(root).as_posix())
    rows = split(images, classes, groups, params)
    findings = hunt_leaks(images, pairs, rows, params.seed)

    digest = write_datasets(root, images, classes, groups, rows, settings)
    write_json(root / SCHEMA, schema)
    about = sample.ABOUT if params.data.source == "sample" else None
    report = summary.summarize(found, images, schema, rows, findings, digest, source, about)
    write_json(root / "reports" / "data.json", report)
    datasheet.refresh(root, report, params.data.source)
    summary.log(report)
    return report


def split(
    images: list[ImageFile], classes: list[str], groups: NDArray[np.intp], params: Params
) -> Split:
    """Split into training and test as the model will meet new images.

    Images that look the same, that show one thing or person (`data.group`) or were taken one after
    the other (`data.block`) stay together: a model that has seen one of them in training would
    recognise the other, or what they share, instead of its class.
    """
    codes = np.array([classes.index(image.label) for image in images])
    given = [image.subset or "train" for image in images]
    if "test" in given:
        # Somebody drew the line already, and others report their scores on that test set.
        return split_given(given, codes, groups)
    block = sample.settled(params.data).block_size
    return split_stratified(codes, groups, params.split.test_size, params.seed, block)


def folds(dataset: ImageDataset, params: Params) -> list[Fold]:
    """Fold the training images with the promise of the split: groups together."""
    return cv.make_folds(
        dataset.y,
        params.cv.folds,
        classes=True,
        groups=dataset.groups,
        seed=params.seed,
    )


def hunt_leaks(
    images: list[ImageFile], pairs: list[tuple[int, int]], rows: Split, seed: int
) -> list[Finding]:
    """Look for copies on both sides, copies under two classes, and files that tell their class.

    A finding is told loudly and stops nothing, since honest images trip such checks too.
    """
    return leaks.run(images, pairs, rows, seed)
