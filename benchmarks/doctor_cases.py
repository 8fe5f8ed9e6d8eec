"""Photos with something wrong, made of good ones: each with what the doctor is to find of it."""

from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.icc import WIDE, in_wide
from pfafn.models.parts import Keypoint
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels

HEIGHT = 256  # of a photo whose blur is told in pixels of it
HIPS = [Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP]


class Good(NamedTuple):
    """A good sample: a person's photo, the pose and where the person is; a garment and its mask."""

    person: Pixels
    points: NDArray[np.float32]  # [18, 3]
    own: NDArray[np.bool_]  # [H, W]
    garment: Pixels
    mask: Pixels


class Case(NamedTuple):
    """A photo and what is to be found of it; what may be found as well is neither right nor wrong.

    One of `expected` is enough.
    """

    name: str
    photo: PersonPhoto | GarmentPhoto
    expected: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


def blurred(rgb: Pixels, sigma: float) -> Pixels:
    return cv2.GaussianBlur(rgb, (0, 0), sigma * max(rgb.shape[:2]) / HEIGHT)


def noisy(rgb: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    return (rgb + rng.normal(0, sigma, rgb.shape)).clip(0, 255).astype(np.uint8)


def texture(size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """A patchwork of two scales in random colours: nobody, and a busy background."""
    height, width = size
    coarse, fine = (
        cv2.resize(rng.integers(0, 256, (n, n, 3), np.uint8), (width, height), interpolation=how)
        for n, how in ((9, cv2.INTER_LINEAR), (48, cv2.INTER_NEAREST))
    )
    return cv2.addWeighted(coarse, 0.6, fine, 0.4, 0)


def padded(rgb: Pixels, times: float) -> Pixels:
    """A photo in the middle of one so many times as large, of the colour of its corner."""
    height, width = (round(side * times) for side in rgb.shape[:2])
    canvas = np.full((height, width, 3), rgb[0, 0], np.uint8)
    top, left = height - rgb.shape[0], (width - rgb.shape[1]) // 2
    canvas[top:, left : left + rgb.shape[1]] = rgb
    return canvas


def encoded(picture: Pixels | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def files(rgb: Pixels) -> dict[str, tuple[bytes, tuple[str, ...]]]:
    """The photo as files of every kind: what is to be found, bytes, what may be as well."""
    exif = Image.Exif()
    exif[0x0112] = 6
    cut = np.dstack([rgb, np.where(np.arange(rgb.shape[1]) < 4, 0, 255) + 0 * rgb[..., 0]])
    return {
        "rotated": (encoded(np.rot90(rgb), "JPEG", quality=95, exif=exif), ()),
        "display_p3": (encoded(in_wide(rgb, "Display P3"), icc_profile=WIDE["Display P3"]), ()),
        "adobe_rgb": (encoded(in_wide(rgb, "Adobe RGB"), icc_profile=WIDE["Adobe RGB"]), ()),
        "cmyk": (encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG"), ("colours", "not_kept")),
        "sixteen_bit": (
            encoded(Image.fromarray(rgb[..., 1].astype(np.uint16) * 257)),
            ("not_kept",),
        ),
        "transparent": (encoded(cut.astype(np.uint8)), ("not_kept",)),
        "webp": (encoded(rgb, "WEBP", quality=90), ()),
        "avif": (encoded(rgb, "AVIF", quality=90), ()),
    }


def of_persons(good: Good, other: Good, rng: np.random.Generator) -> Iterator[Case]:
    """Persons' photos made of a good one, and of another for those with two people."""
    rgb, (height, width) = good.person, good.person.shape[:2]

    def case(name: str, picture: Pixels, expected: str = "", *allowed: str) -> Case:
        photo = PersonPhoto.of(np.ascontiguousarray(picture))
        return Case(name, photo, (expected,) if expected else (), allowed)

    neck, hips = good.points[Keypoint.NECK, 1], good.points[HIPS, 1].max()
    yield case("as it is", rgb)
    yield case("noise of 8 shades", noisy(rgb, 8, rng))
    for sigma in (1.5, 2, 3):
        yield case(f"blurred by {sigma} of {HEIGHT} pixels", blurred(rgb, sigma), "blurred")
    yield case("shrunk to a third", cv2.resize(rgb, (width // 3, height // 3)), "small", "blurred")
    yield case("blank", np.full_like(rgb, 200), "blank")
    yield case("a texture", texture((height, width), rng), "nobody")
    yield case("two people", np.concatenate([rgb, other.person], axis=1), "several_people", "far")
    yield case("busy background", np.where(good.own[..., None], rgb, texture((height, width), rng)),
               "background")  # fmt: skip
    yield case("a third as large", padded(rgb, 3), "far", "background")
    yield case("lying", np.rot90(rgb), "lying", "no_head", "no_hips", "far", "several_people")
    if 0 < neck < hips:
        middle = round((neck + hips) / 2)
        yield case("cut below the chin", rgb[round(neck) :], "no_head", "near")
        yield case("cut above the hips", rgb[:middle], "no_hips", "near", "small")
    for name, (content, allowed) in files(rgb).items():
        yield Case(f"file: {name}", PersonPhoto.decode(content), (name,), allowed)


def of_garments(good: Good, other: Good, rng: np.random.Generator) -> Iterator[Case]:
    """Garments' photos made of a good one, and of another for those with two garments."""
    rgb, mask, (height, width) = good.garment, good.mask, good.garment.shape[:2]

    def case(name: str, picture: Pixels, told: Pixels | None, *expected: str,
             allowed: tuple[str, ...] = ()) -> Case:  # fmt: skip
        return Case(name, GarmentPhoto.of(np.ascontiguousarray(picture), told), expected, allowed)

    yield case("as it is", rgb, None)
    yield case("as it is, with its mask", rgb, mask)
    yield case("noise of 2 shades", noisy(rgb, 2, rng), None)
    for name, colour in (("any colour", rng.integers(0, 256, 3)), ("light gray", (225, 223, 219))):
        ground = noisy(np.full_like(rgb, colour), 3, rng)
        yield case(f"on {name}", np.where(mask[..., None] > 0, rgb, ground), None,
                   allowed=("mask_doubtful", "white_on_white"))  # fmt: skip
    for sigma in (2, 3):
        yield case(f"blurred by {sigma} of {HEIGHT} pixels", blurred(rgb, sigma), None, "blurred",
                   allowed=("mask_doubtful",))  # fmt: skip
    small = cv2.resize(rgb, (width // 3, height // 3), interpolation=cv2.INTER_AREA)
    yield case("shrunk to a third", small, None, "small", allowed=("blurred", "mask_doubtful"))
    yield case("blank", np.full_like(rgb, 250), None, "blank")
    pair = np.concatenate([rgb, other.garment], axis=1)
    yield case("two garments", pair, None, "several_garments")
    yield case("somebody wears it", good.person, None, "worn",
               allowed=("mask_doubtful", "close_up", "white_on_white", "no_garment", "not_a_top",
                        "several_garments", "hanger"))  # fmt: skip
    yield case("white on white", whitened(rgb, mask), None, "white_on_white", "mask_doubtful",
               "no_garment", "several_garments", allowed=("blurred",))  # fmt: skip
    yield case("mask shifted by 6 % of the width", rgb, np.roll(mask, round(0.06 * width), axis=1),
               "mask_elsewhere")  # fmt: skip
    yield case("mask of another garment", rgb, other.mask, "mask_elsewhere")
    yield case("mask black on white", rgb, 255 - mask, "close_up")
    h, w = height // 3, width // 3
    detail = cv2.resize(rgb[h : 2 * h, w : 2 * w], (width, height))
    yield case("a detail", detail, None, "close_up", "no_garment", "mask_doubtful",
               allowed=("blurred", "not_a_top", "several_garments", "white_on_white", "hanger",
                        "blank"))  # fmt: skip
    yield case("on a hanger", hung(rgb, mask), None, "hanger")
    yield case("a pair of trousers", *cut(rgb, trousers(height, width)), "not_a_top")
    yield case("a dress", *cut(rgb, dress(height, width)), "not_a_top")


def whitened(rgb: Pixels, mask: Pixels) -> Pixels:
    """The garment as a white one: its shades reach from 5 below white to white."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    deep = 255 - (255 - gray) * 5 / max(1.0, float(np.percentile((255 - gray)[mask > 0], 95)))
    return deep.clip(0, 255).round().astype(np.uint8)[..., None].repeat(3, axis=2)


def hung(rgb: Pixels, mask: Pixels) -> Pixels:
    """The garment, a little smaller, on a hanger whose hook is one tenth of its height."""
    height, width = rgb.shape[:2]
    lower = padded(rgb, 1.15)
    left, down = (lower.shape[1] - width) // 2, lower.shape[0] - height
    rows = np.flatnonzero(mask.any(axis=1))
    shoulders = np.flatnonzero(mask[rows[0] : rows[len(rows) // 8]].any(axis=0))[[0, -1]] + left
    base = int(shoulders.mean()), down + int(rows[0])
    thick = max(3, width // 48)  # thinner ones are no part of a mask
    hanger = lower.copy()
    cv2.line(hanger, (base[0], base[1] - height // 10), base, (90, 90, 90), thick)
    for end in shoulders:  # behind the garment, seen where its neck is open
        cv2.line(hanger, base, (int(end), down + int(rows[len(rows) // 8])), (90, 90, 90), thick)
    hanger[down:, left : left + width][mask > 0] = rgb[mask > 0]
    return hanger


def trousers(height: int, width: int) -> NDArray[np.bool_]:
    mask = np.zeros((height, width), bool)
    top, bottom, crotch = (round(height * part) for part in (0.05, 0.95, 0.32))
    left, right, middle = (round(width * part) for part in (0.27, 0.73, 0.5))
    mask[top:bottom, left:right] = True
    mask[crotch:bottom, middle - width // 20 : middle + width // 20] = False
    return mask


def dress(height: int, width: int) -> NDArray[np.bool_]:
    mask = np.zeros((height, width), bool)
    rows = np.arange(round(height * 0.04), round(height * 0.96))
    for row in rows:
        half = width * (0.16 + 0.1 * abs(row / height - 0.3))
        mask[row, round(width / 2 - half) : round(width / 2 + half)] = True
    return mask


def cut(rgb: Pixels, mask: NDArray[np.bool_]) -> tuple[Pixels, Pixels]:
    """Something of this shape, of the cloth in the middle of a photo, and its mask."""
    height, width = mask.shape
    h, w = height // 3, width // 3
    cloth = cv2.resize(rgb[h : 2 * h, w : 2 * w], (width, height))
    cloth = np.minimum(cloth, 225)
    return np.where(mask[..., None], cloth, 255).astype(np.uint8), mask.astype(np.uint8) * 255
