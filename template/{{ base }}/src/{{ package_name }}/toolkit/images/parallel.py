"""Work on many images at a time, with results in order and only a block of them in memory."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    work: Callable[[Item], Result], items: Sequence[Item], block: int = 256
) -> Iterator[Result]:
    """Do `work` on every item, as many at a time as there are cores."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(items), block):
            yield from pool.map(work, items[start : start + block])
