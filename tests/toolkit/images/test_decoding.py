"""Any file one may send: upright, flat and RGB, or refused for what it is."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps
from toolkit.images.decoding import (
    DamagedImageError,
    NotAnImageError,
    TooManyPixelsError,
    decode,
    decode_and_warn,
    is_grey,
)

LIMIT = 1.0


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> Image.Image:
    """Red at the upper left, dark elsewhere."""
    image = Image.new("RGB", size, (10, 20, 30))
    image.putpixel((0, 0), (250, 0, 0))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_becomes_rgb(mode: str) -> None:
    image = Image.new("I;16", (6, 4), 65535) if mode == "I;16" else picture(mode)
    result = decode(encoded(image), LIMIT)
    assert result.mode == "RGB"
    assert result.size == (6, 4)


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF", "TIFF", "AVIF"])
def test_of_moving_pictures_the_first_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "lime", "blue")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    red, green, _ = decode(content, LIMIT).getpixel((9, 9))
    assert red > 240 > 20 > green


def test_ink_becomes_light() -> None:
    """A JPEG made for print."""
    content = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    red, green, blue = decode(content, LIMIT).getpixel((8, 8))
    assert red > 240 > 20 > max(green, blue)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_way_to_hold_a_camera(orientation: int) -> None:
    image = Image.effect_noise((32, 16), 90).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(image, "PNG", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.array_equal(np.asarray(decode(content, LIMIT)), np.asarray(expected))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "PNG", "GIF", "TIFF", "AVIF"])
def test_every_format_is_read(kind: str) -> None:
    image = Image.new("RGB", (40, 30), (200, 100, 50))
    shown = np.asarray(decode(encoded(image, kind), LIMIT), dtype=int)
    assert abs(shown - (200, 100, 50)).max() <= 6


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    image = Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16))
    assert np.asarray(decode(encoded(image), LIMIT))[0, :, 0].tolist() == [0, 128, 255]


def test_what_is_transparent_lies_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    assert np.asarray(decode(encoded(image), LIMIT))[0].tolist() == [[255] * 3, [0] * 3]


def test_a_transparent_palette_lies_on_white() -> None:
    image = Image.new("P", (1, 1), 0)
    image.putpalette([0, 0, 0] * 256)
    shown = decode(encoded(image, "PNG", transparency=0), LIMIT)
    assert shown.getpixel((0, 0)) == (255, 255, 255)


def test_a_telephone_s_note_turns_the_picture_upright() -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste((255, 0, 0), (0, 0, 10, 20))  # the left edge, which becomes the upper one
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = decode(encoded(image, "JPEG", exif=exif, quality=95), LIMIT)
    assert upright.size == (20, 40)
    red, green, _ = upright.getpixel((10, 2))
    assert red > 200 > 60 > green


def test_the_bytes_decide_not_the_name() -> None:
    for content in (b"", b"GIF88a", b"<svg/>", b"%PDF-1.7", b"hello", b"RIFF1234WAVE"):
        with pytest.raises(NotAnImageError):
            decode(content, LIMIT)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0"))
    with pytest.raises(TooManyPixelsError, match="50,000 x 50,000"):
        decode(bomb, LIMIT)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_the_limit_holds_for_every_format(kind: str) -> None:
    content = encoded(Image.new("RGB", (1001, 1000)), kind)
    with pytest.raises(TooManyPixelsError):
        decode(content, LIMIT)
    assert decode(content, 1.1).size == (1001, 1000)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_damage_is_never_more_than_damage(kind: str) -> None:
    """Whatever is done to the bytes: a picture, or one of three plain refusals."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(300):
        content = bytearray(whole[: rng.integers(9, len(whole) + 1)])
        for _ in range(rng.integers(0, 6)):
            content[rng.integers(0, len(content))] = rng.integers(0, 256)
        try:
            assert decode(bytes(content), LIMIT).mode == "RGB"
        except (NotAnImageError, TooManyPixelsError, DamagedImageError):
            refused += 1
    assert refused > 30


def test_grey_is_what_has_no_colour() -> None:
    assert is_grey(picture("L").convert("RGB"))
    assert not is_grey(Image.new("RGB", (9, 9), (200, 100, 50)))


def test_a_photograph_of_a_telephone_is_read_where_the_plug_in_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    content = encoded(Image.new("RGB", (64, 48), (200, 100, 50)), "HEIF")
    assert abs(np.asarray(decode(content, LIMIT), dtype=int) - (200, 100, 50)).max() <= 6
    monkeypatch.delitem(Image.OPEN, "HEIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(NotAnImageError, match="uv add pillow-heif"):
        decode(content, LIMIT)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lacking", [1, 2, 20])
def test_a_jpeg_without_its_end_is_read_as_browsers_do(lacking: int, progressive: bool) -> None:
    image = Image.effect_noise((160, 120), 60).convert("RGB")
    content = encoded(image, "JPEG", quality=85, progressive=progressive)
    shown, warnings = decode_and_warn(content[:-lacking], LIMIT)
    assert warnings == ["The JPEG image lacks its end; it is read as far as it goes."]
    whole, none = decode_and_warn(content, LIMIT)
    assert none == []
    assert np.array_equal(np.asarray(shown)[:100], np.asarray(whole)[:100])
    with pytest.raises(DamagedImageError):
        decode(content[: len(content) // 2], LIMIT)


def test_floating_point_is_scaled_to_what_it_spans() -> None:
    for top in (1, 255, 65535):
        values = np.array([[0, top / 2, top]], dtype=np.float32)
        shown = np.asarray(decode(encoded(Image.fromarray(values), "TIFF"), LIMIT))
        assert shown[0, :, 0].tolist() == [0, 127, 255]


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_a_scan_of_sixteen_bits_is_scaled(order: str) -> None:
    image = Image.fromarray(np.array([[0, 32768, 65535]], dtype=order))
    assert np.asarray(decode(encoded(image, "TIFF"), LIMIT))[0, :, 0].tolist() == [0, 128, 255]
