"""From the bytes of a file to an upright RGB image; nothing else decodes one.

Training, batch prediction and the service share it. It needs Pillow and numpy only; HEIC is read
where pillow-heif is installed, AVIF where Pillow or a plug-in of it reads it.
"""

import contextlib
import importlib
import io
import re
import struct
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..project.errors import UserError

SUFFIXES = frozenset(
    ".png .jpg .jpeg .jfif .jpe .webp .bmp .gif .tif .tiff .avif .heic .heif".split()
)
# What the first bytes of a file say; its name says nothing.
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"], "HEIF"
)
# Plug-ins of Pillow, and what makes each known to it. They are not installed by default: the wheels
# of pillow-heif hold an encoder under the GPL.
PLUGINS = {"HEIF": ("pillow_heif", "register_heif_opener"), "AVIF": ("pillow_avif", None)}
READ = "PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF or HEIC"
NOT_AN_IMAGE = f"This is not a {READ} image."
# Of an image, in pixels, what may be missing at the end of its file.
LARGEST_LOSS = 0.05
# No model here looks closer; a JPEG larger than this is decoded at a half, quarter or eighth.
ENOUGH = 1024
# Every scan of a progressive JPEG goes over all of its pixels; encoders write ten.
MOST_SCANS = 32
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # no stuffed byte, filler or restart
# Our own limit is checked before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None
# What Pillow finds odd in the tags of a file is of no use to a reader of the log.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class NotAnImageError(UserError):
    """The bytes are not of a format that is read."""


class TooManyPixelsError(UserError):
    """The image is larger than the limit; it was not decoded."""


class DamagedImageError(UserError):
    """The bytes begin like an image and cannot be decoded."""


def sniff(content: bytes) -> str:
    """The format that the first bytes name.

    Raises
    ------
    NotAnImageError
        If they do not name one that is read.
    """
    for signature, name in SIGNATURES.items():
        if content.startswith(signature):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp" and content[8:12] in BRANDS:
        # HEIF is a container: its first brand may be a general one, and those it goes with say AVIF.
        size = int.from_bytes(content[:4], "big")
        return "AVIF" if b"avif" in content[8 : min(size, 64)] else BRANDS[content[8:12]]
    raise NotAnImageError(NOT_AN_IMAGE)


def decode(content: bytes, max_megapixels: float) -> Image.Image:
    """Decode an image: upright, on white where it was transparent, RGB, 8 bits a channel.

    Of a file with several images, the first is taken.

    Parameters
    ----------
    content : bytes
        The whole file.
    max_megapixels : float
        The largest image, in millions of pixels; the header is read before decoding.

    Raises
    ------
    NotAnImageError, TooManyPixelsError, DamagedImageError
    """
    return decode_and_warn(content, max_megapixels)[0]


def decode_and_warn(content: bytes, max_megapixels: float) -> tuple[Image.Image, list[str]]:
    """The same, and what a reader should know of the file.

    A JPEG that lacks its end is read as browsers read it, if hardly anything of the image is lost.
    """
    kind = sniff(content)
    if kind == "WEBP":
        _limit(*_webp_size(content), max_megapixels)
    _require_reader(kind)
    if kind == "JPEG" and _scans(content) > MOST_SCANS:
        raise DamagedImageError(
            f"The JPEG image has more than {MOST_SCANS} scans. Save it again with any program."
        )
    try:
        return _decoded(kind, content, max_megapixels), []
    except _BROKEN as error:
        damaged = DamagedImageError(f"The {kind} image is damaged and cannot be decoded.")
        if kind != "JPEG":
            raise damaged from error
    try:
        # What the file does not determine differs between two ways to go on.
        image, other = (
            _decoded(kind, content.rstrip(b"\xff") + rest + b"\xff\xd9", max_megapixels)
            for rest in (b"", b"\xaa" * len(content))
        )
    except _BROKEN as error:
        raise damaged from error
    differing = (np.asarray(image) != np.asarray(other)).any(axis=2).mean()
    if differing > LARGEST_LOSS:
        raise damaged
    return image, ["The JPEG image lacks its end; it is read as far as it goes."]


def _require_reader(kind: str) -> None:
    if kind in Image.OPEN or kind not in PLUGINS:
        return
    Image.init()  # Pillow's own
    module, register = PLUGINS[kind]
    with contextlib.suppress(ImportError):
        plugin = importlib.import_module(module)
        if register:
            getattr(plugin, register)()
    if kind not in Image.OPEN:
        name = "HEIC" if kind == "HEIF" else kind
        raise NotAnImageError(
            f"This is an {name} image, which nothing here reads: install "
            f"{module.replace('_', '-')} (`uv add {module.replace('_', '-')}`), or convert it to JPEG."
        )


def _decoded(kind: str, content: bytes, max_megapixels: float) -> Image.Image:
    image: Image.Image = Image.open(io.BytesIO(content), formats=[kind])
    _limit(*image.size, max_megapixels)
    image.draft("RGB", (ENOUGH, ENOUGH))
    image.load()
    _turn_upright(image)
    return _rgb(image)


def _limit(width: int, height: int, max_megapixels: float) -> None:
    if width * height > max_megapixels * 1e6:
        raise TooManyPixelsError(
            f"The image has {width:,} x {height:,} pixels; at most {max_megapixels:g} million "
            "are read. Send a smaller one."
        )


def _scans(content: bytes) -> int:
    """How many scans a JPEG has; what is hung behind it (previews, films) is not counted."""
    at, scans = 2, 0
    while marker := _MARKER.search(content, at):
        at, kind = marker.end(), marker[0][1]
        if kind == 0xD9:  # the end
            break
        scans += kind == 0xDA
        if kind not in (0x01, 0xD8):  # the two without a length, which counts itself
            at += int.from_bytes(content[at : at + 2])
    return scans


def _webp_size(content: bytes) -> tuple[int, int]:
    """Width and height from the header: Pillow's decoder reserves the canvas when it opens one."""
    kind, body = content[12:16], content[20:30]
    if len(body) < 10:
        raise DamagedImageError("The WEBP image is damaged and cannot be decoded.")
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", body[6:10])
    return width & 0x3FFF, height & 0x3FFF


def _turn_upright(image: Image.Image) -> None:
    """Turn the image as its Exif tag says the camera was held."""
    # The tags may be damaged, and the image need not be.
    with contextlib.suppress(*_BROKEN):
        ImageOps.exif_transpose(image, in_place=True)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16 bits a pixel: Pillow's own conversion would clip instead of scale.
        values = np.asarray(image, dtype=np.int64)
        shift = 8 if values.max(initial=0) > 255 else 0
        image = Image.fromarray(np.clip(values >> shift, 0, 255).astype(np.uint8))
    if image.mode == "F":
        image = _levels(np.asarray(image))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        flat = Image.new("RGBA", layer.size, "white")
        flat.alpha_composite(layer)
        return flat.convert("RGB")
    return image.convert("RGB")


def _levels(values: NDArray[np.floating]) -> Image.Image:
    """Floating point pixels, which are kept from 0 to 1, to 255 or to 65,535."""
    finite = np.nan_to_num(values, nan=0, posinf=0, neginf=0)
    top = float(finite.max(initial=0))
    full = next((limit for limit in (1, 255, 65535) if top <= limit), max(top, 1))
    return Image.fromarray(np.clip(finite * (255 / full), 0, 255).astype(np.uint8))


def is_grey(image: Image.Image) -> bool:
    """Whether the three channels are equal, but for what JPEG compression changes."""
    small = np.asarray(image.resize((32, 32)), dtype=np.int16)
    return bool((small.max(axis=2) - small.min(axis=2)).max() <= 8)


def resized(image: Image.Image, side: int, mode: str) -> Image.Image:
    """The whole image, resized to `side` by `side` pixels; `mode` is "L" (grey) or "RGB"."""
    converted = image if image.mode == mode else image.convert(mode)
    if converted.size == (side, side):
        return converted
    return converted.resize((side, side), Image.Resampling.BILINEAR)
