"""An artifact as the action makes it: immutable, without hidden files, its common folder left off."""

import json
import os
import shutil
import sys
from pathlib import Path

inputs = json.loads(os.environ["INPUTS"])
folder = Path(os.environ["STAND_INS_FOLDER"], "artifacts", inputs["name"])
found = []
for path in map(Path, filter(None, map(str.strip, inputs["path"].splitlines()))):
    inside = path.rglob("*") if path.is_dir() else [path]
    found += [
        file
        for file in inside
        if file.is_file() and not any(part.startswith(".") for part in file.parts)
    ]
if not found:
    print("::warning::No files were found; no artifact is uploaded.")
    sys.exit()
if folder.exists():
    sys.exit("An artifact with this name already exists on the workflow run.")
common = os.path.commonpath([file.parent for file in found])
for file in found:
    target = folder / file.relative_to(common)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)
