"""A table as people have them."""

from pathlib import Path

import numpy as np
import pandas as pd

N = 400


def write_odd_table(path: Path) -> None:
    """Write odd names, gaps, dates, groups and an identifier; `sold` follows from `größe`."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": range(N),
            "class": rng.choice(["new", "used", "très rare"], N),
            "age of owner": rng.integers(18, 90, N),
            "sex": rng.choice(["f", "m"], N),
            "when": (
                pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 90, N), "D")
            ).strftime("%d.%m.%Y"),
            "shop": rng.integers(0, 40, N),
            "größe": rng.normal(size=N).round(2),
        }
    )
    frame["sold"] = np.where(frame["größe"] + rng.normal(size=N) > 1, "yes", "no")
    frame.loc[:9, "sold"] = None
    frame.loc[20:40, "größe"] = None
    path.parent.mkdir(parents=True)
    frame.to_csv(path, index=False, sep=";")
