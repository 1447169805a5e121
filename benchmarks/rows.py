"""How cost grows with the rows: seconds and peak memory of every stage, in one run.

    uv run benchmarks/rows.py                     # 10,000, 100,000 and 1,000,000 rows
    uv run benchmarks/rows.py --rows 10000 50000

Renders the tabular project, writes tables of mixed columns (numbers, categories, dates, missing
values), and calls each stage as a user would. Figures are compared within one run only: the last
column is how much a stage slowed down against how much the table grew.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from projects import SLUG, Project, clean_environment, commit, copy_template, render

STAGES = ("data", "train", "evaluate")
TABLE = """
import sys
import numpy as np, pandas as pd
rows, path = int(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(0)
x = rng.normal(size=(rows, 10))
frame = pd.DataFrame(x, columns=[f"number {i}" for i in range(10)])
frame.loc[rng.uniform(size=rows) < 0.1, "number 3"] = np.nan
city = rng.integers(0, 40, rows)
frame["city"] = np.char.add("city ", city.astype(str))
frame["plan"] = rng.choice(["basic", "plus", "pro"], rows)
frame["signed up"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2e6, rows), "min")
logit = x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.05 * (city - 20)
frame["left"] = np.where(rng.uniform(size=rows) < 1 / (1 + np.exp(2 - logit)), "yes", "no")
frame.to_csv(path, index=False)
"""


def measured(project: Project, stage: str, table: Path) -> tuple[float, float]:
    """Seconds and peak resident GiB of one stage."""
    own = (f"data.path={table}", "data.source=file", "data.target=left")
    overrides = [argument for pair in own for argument in ("--set", pair)]
    command = [str(project.bin / SLUG), stage, *overrides]
    environment = clean_environment(PYTHONPATH=str(project.path / "src"))
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=project.path, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{stage} failed on {table.name}.")
    return time.perf_counter() - started, usage.ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    sizes = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        template = copy_template(folder / "template")
        commit(template, "Here")
        project = Project(render(template, folder / SLUG, role="tabular"), folder / "venv")
        project.uv("sync", "--quiet", "--compile-bytecode")
        found: dict[str, list[tuple[float, float]]] = {stage: [] for stage in STAGES}
        for rows in sizes:
            table = folder / f"{rows}.csv"
            project.run("python", "-c", TABLE, str(rows), str(table))
            for stage in STAGES:
                found[stage].append(measured(project, stage, table))
                seconds, memory = found[stage][-1]
                print(
                    f"{rows:>9,} rows  {stage:<9} {seconds:7.1f} s  {memory:5.2f} GiB", flush=True
                )
    growth = sizes[-1] / sizes[0]
    print(f"\nThe table grew {growth:.0f} times; the stages took")
    for stage, figures in found.items():
        print(f"  {stage:<9} {figures[-1][0] / figures[0][0]:6.1f} times as long")


if __name__ == "__main__":
    main()
