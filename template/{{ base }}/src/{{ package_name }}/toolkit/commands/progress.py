"""A bar for work that counts no steps of its own."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SILENCE, EVERY = 2, 1  # seconds until the bar, and between two looks at the clock


@contextmanager
def working(what: str, done: threading.Event | None = None) -> Iterator[None]:
    """Show a bar with the time that has passed, once the work has been silent for two seconds.

    Parameters
    ----------
    what : str
        What is being done.
    done : Event, optional
        Set when the work has ended; its `wait` is the clock.
    """
    done = done or threading.Event()
    ticking = threading.Thread(target=_tick, args=(what, done), daemon=True)
    ticking.start()
    try:
        yield
    finally:
        done.set()
        ticking.join()


def _tick(what: str, done: threading.Event) -> None:
    if done.wait(SILENCE):
        return
    from tqdm import tqdm

    bar, seconds = None, SILENCE
    while True:
        if any(other is not bar for other in getattr(tqdm, "_instances", ())):  # which says more
            if bar is not None:
                bar.close()
                bar = None
        elif bar is None:
            # How long it will take is not known, so that it moves without filling.
            shape = "{desc} {n_fmt} s"
            bar = tqdm(desc=what, bar_format=shape, initial=seconds, leave=False)
        else:
            bar.n = seconds
            bar.refresh()
        if done.wait(EVERY):
            break
        seconds += EVERY
    if bar is not None:
        bar.close()


def say(line: str) -> None:
    """Write a line to standard error; a bar that stands there moves down."""
    if "tqdm" not in sys.modules:  # so there is no bar
        print(line, file=sys.stderr)
        return
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


class AboveBars(logging.Handler):
    """Logs as `say` does."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        say(self.format(record))
