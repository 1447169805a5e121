"""Real pictures for the tests: the emoji that two vendors drew, from their npm packages."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from PIL import Image
from projects import ROOT

KEPT = ROOT / ".cache" / "emoji"
VERSION = "16.0.0"
INTEGRITY = {
    "google": "ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==",
    "twitter": "7F+uCuHH+7Qnrc15P5tnbvKkg9E6tlzi4MnT2uW1RlN4pLYTza6cP/dstIfSDMtpjFLWuZewWg8jBbuL2eyELQ==",
}
FEWEST = 100


def package(vendor: str) -> Path:
    """The package's archive, fetched by npm once and checked; npm comes with the tests' own tools."""
    name = f"emoji-datasource-{vendor}"
    archive = KEPT / f"{name}-{VERSION}.tgz"
    if not archive.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        npm = Path(sys.executable).with_name("npm")
        command = [str(npm) if npm.exists() else str(shutil.which("npm")), "pack", "--silent"]
        subprocess.run([*command, f"{name}@{VERSION}"], cwd=KEPT, check=True, capture_output=True)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert digest == INTEGRITY[vendor], f"{archive} is another file; remove it"
    return archive


def write(vendor: str, folder: Path, held_out: bool) -> int:
    """Write `<category>/<code point>.png` on white; every fourth emoji is held out.

    Returns how many pictures there are. Skin tones are left out, and categories with few emoji.
    """
    with tarfile.open(package(vendor)) as archive:
        listed = json.load(archive.extractfile("package/emoji.json"))  # type: ignore[arg-type]
        pictures = {entry["image"]: entry["category"] for entry in listed}
        categories = list(pictures.values())
        used = sorted(
            image
            for image, category in pictures.items()
            if categories.count(category) >= FEWEST and category != "Component"
        )
        wanted = {image for i, image in enumerate(used) if (i % 4 == 0) == held_out}
        count = 0
        for member in archive:
            name = Path(member.name)
            if name.parent.as_posix() != f"package/img/{vendor}/64" or name.name not in wanted:
                continue
            content = archive.extractfile(member)
            assert content is not None
            image = Image.open(io.BytesIO(content.read())).convert("RGBA")
            flat = Image.new("RGBA", image.size, "white")
            flat.alpha_composite(image)
            target = folder / pictures[name.name].replace(" & ", "-").lower() / name.name
            target.parent.mkdir(parents=True, exist_ok=True)
            flat.convert("RGB").save(target)
            count += 1
    return count
