"""From the bytes of a file to an upright RGB image; nothing else decodes one.

Training, batch prediction and the service share it. It needs Pillow and numpy only.
"""

import contextlib
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

from ..project.errors import UserError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
# What the first bytes of a file say; its name says nothing.
SIGNATURES = {"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff", "BMP": b"BM"}
NOT_AN_IMAGE = "This is not a PNG, JPEG, WebP or BMP image."
# No model here looks closer; a JPEG larger than this is decoded at a half, quarter or eighth.
ENOUGH = 1024
# Our own limit is checked before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None
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
    for name, signature in SIGNATURES.items():
        if content.startswith(signature):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    raise NotAnImageError(NOT_AN_IMAGE)


def decode(content: bytes, max_megapixels: float) -> Image.Image:
    """Decode an image: upright, on white where it was transparent, RGB, 8 bits a channel.

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
    kind = sniff(content)
    if kind == "WEBP":
        _limit(*_webp_size(content), max_megapixels)
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=[kind])
        _limit(*image.size, max_megapixels)
        image.draft("RGB", (ENOUGH, ENOUGH))
        image.load()
        _turn_upright(image)
        return _rgb(image)
    except _BROKEN as error:
        raise DamagedImageError(f"The {kind} image is damaged and cannot be decoded.") from error


def _limit(width: int, height: int, max_megapixels: float) -> None:
    if width * height > max_megapixels * 1e6:
        raise TooManyPixelsError(
            f"The image has {width:,} x {height:,} pixels; at most {max_megapixels:g} million "
            "are read. Send a smaller one."
        )


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
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        flat = Image.new("RGBA", layer.size, "white")
        flat.alpha_composite(layer)
        return flat.convert("RGB")
    return image.convert("RGB")


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
