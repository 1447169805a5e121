"""What runs JavaScript here, node, and what pages take from npm: onnxruntime-web, snowball-stemmers."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..project.errors import UserError

HERE = Path(__file__).parent
ONNX = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
STEMMER = "stemmer.js"
FILES = {
    **{name: ("onnxruntime-web", f"dist/{name}") for name in ONNX},
    STEMMER: ("snowball-stemmers", "snowball-stemmers.js"),
}
_LOCK = HERE / "package-lock.json"
SECONDS = 600


def run(command: str, *arguments: str, cwd: Path | None = None) -> str:
    """What `node` or `npm` prints.

    Raises
    ------
    UserError
        If it is not there, or fails.
    """
    found = shutil.which(command)
    if found is None:
        raise UserError(
            f"`{command}` is not on PATH. `uv sync --group site` brings one, and `uv run` finds it."
        )
    done = subprocess.run(
        [found, *arguments], cwd=cwd, capture_output=True, text=True, timeout=SECONDS
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise UserError(f"`{command} {arguments[0]}` failed: {said}")
    return done.stdout


def runtime(root: Path, names: Sequence[str]) -> dict[str, tuple[bytes, str]]:
    """Files of npm's packages by name, each with what it is; fetched once, compared with the lock by npm.

    Raises
    ------
    UserError
        If npm is not there, or cannot fetch what the lock names.
    """
    lock = _LOCK.read_bytes()
    packages = json.loads(lock)["packages"]
    kept = root / ".cache" / f"site-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as name:
            work = Path(name)
            for file in (HERE / "package.json", _LOCK):
                shutil.copy(file, work)
            run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=work)
            (work / "kept").mkdir()
            for file_name, (package, place) in FILES.items():
                shutil.copy(work / "node_modules" / package / place, work / "kept" / file_name)
            (work / "kept").rename(kept)
    found = {}
    for name in names:
        package, content = FILES[name][0], (kept / name).read_bytes()
        if name == STEMMER:  # written before modules were, it fills a variable called `exports`
            content = b"const exports = {};\n%b\nexport const { newStemmer } = exports;\n" % content
        locked = packages[f"node_modules/{package}"]
        found[name] = (content, f"{package} {locked['version']} ({locked.get('license', 'MIT')})")
    return found
