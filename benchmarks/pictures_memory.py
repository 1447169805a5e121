"""Peak resident memory of the cv project's stages on N and on 4 N pictures.

    uv run benchmarks/pictures_memory.py

Draws colourful pictures of 256 by 256 points (197 kB each once decoded), and lets `data` and every rung
of `train` look at all of them. Memory that grew with the decoded pictures would grow by their size.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from projects import SLUG, Project, clean_environment, commit, copy_template, render

FEW = 1000
SIDE = 256
LADDERS = {
    "points, edges": ["small CNN", "small CNN, augmented", "frozen efficientnet-lite0"],
    "small CNN": ["logistic regression on pixels", "SVM on HOG", "frozen efficientnet-lite0"],
    "frozen network": [
        "logistic regression on pixels",
        "SVM on HOG",
        "small CNN",
        "small CNN, augmented",
    ],
}


DRAW = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
count, side, folder = int(sys.argv[1]), int(sys.argv[2]), Path("data/raw")
rng = np.random.default_rng(0)
for label in ("lying", "standing"):
    (folder / label).mkdir(parents=True)
for number in range(count):
    wave = np.sin(np.arange(side) * rng.uniform(0.2, 0.9)) * 90 + 128
    noise = rng.normal(0, 50, (side // 4, side // 4, 3)).repeat(4, 0).repeat(4, 1)
    stripes = (wave[:, None] if number % 2 else wave[None, :])[:, :, None] + noise
    path = folder / ("lying" if number % 2 else "standing") / f"{number:05d}.jpg"
    Image.fromarray(np.clip(stripes, 0, 255).astype(np.uint8)).save(path, quality=80)
"""


def peak(project: Project, *command: str) -> float:
    """MiB at the peak of one command, libraries included."""
    process = subprocess.Popen(
        [str(project.bin / SLUG), *command],
        cwd=project.path,
        env=clean_environment(PYTHONPATH=str(project.path / "src")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} fails on {project.path.name}.")
    return usage.ru_maxrss / 2**10


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        template = copy_template(folder / "template")
        commit(template, "Here")
        environment = folder / "venv"
        rows: dict[str, list[float]] = {}
        for count in (FEW, 4 * FEW):
            project = Project(render(template, folder / f"p{count}", role="cv"), environment)
            if not environment.exists():
                project.uv("sync", "--quiet", "--compile-bytecode")
            project.run("python", "-c", DRAW, str(count), str(SIDE))
            own = [
                "--set",
                "data.source=folder",
                "--set",
                "cv.folds=2",
                "--set",
                "network.epochs=2",
            ]
            own += ["--set", "network.fine_tune=false"]
            rows.setdefault("data", []).append(peak(project, "data", *own))
            for name, skipped in LADDERS.items():
                skip = ["--set", f"ladder.skip={json.dumps(skipped)}"]
                used = peak(project, "train", *own, *skip)
                rows.setdefault(f"train, {name}", []).append(used)
        decoded = 3 * FEW * SIDE * SIDE * 3 / 2**20
        print(f"{3 * FEW:,} more pictures are {decoded:,.0f} MiB once decoded.")
        print(f"| stage | {FEW:,} pictures, MiB | {4 * FEW:,} pictures, MiB | more |")
        print("| --- | ---: | ---: | ---: |")
        for stage, (few, many) in rows.items():
            print(f"| {stage} | {few:,.0f} | {many:,.0f} | {many - few:+,.0f} |")


if __name__ == "__main__":
    main()
