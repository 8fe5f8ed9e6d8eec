"""The one entrance for photos: however a picture comes in, it is a PersonPhoto or a GarmentPhoto.

`read` takes files, `decode` their bytes, `of` arrays; a file must have a photo's size, an array may
have any. Behind the entrance nothing is decoded, turned upright, brought to sRGB, thresholded or
estimated again; only `fitted` brings a photo to another size.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from pfafn.photos.changes import Change
from pfafn.photos.checks import check_mask, check_picture, check_size
from pfafn.photos.colours import Own
from pfafn.photos.fitting import fit
from pfafn.photos.images import (
    WHITE,
    ImageError,
    Picture,
    Pixels,
    decode_gray,
    decode_picture,
    encode_png,
    quick_rgb,
)
from pfafn.photos.masks import OFF, MaskSource, binary, doubt, garment_mask
from pfafn.photos.opening import MAX_PIXELS, read_bytes


class PersonPhoto(NamedTuple):
    """A photo of a person as everything behind the entrance knows it."""

    rgb: Pixels  # [H, W, 3]
    original: bytes | None = None  # its file, if that is a plain JPEG or PNG
    note: str | None = None  # that it is blank, or what of its colours cannot be told
    own: Own | None = None  # as its file has it, if that has a profile which can be kept
    lost: str | None = None  # what it has that no try-on of it keeps
    changes: tuple[Change, ...] = ()  # what was done to it on its way in

    @classmethod
    def of(cls, rgb: Any) -> Self:
        """A uint8 RGB array [H, W, 3]; raises PictureError for anything else."""
        check_picture("person", rgb)
        return cls(rgb)

    @classmethod
    def decode(cls, content: bytes, name: str = "person", *, most_pixels: int = MAX_PIXELS) -> Self:
        """The bytes of a picture.

        Raises ImageError as `decode_picture` does, PictureError if it has no photo's size.
        """
        picture = decode_picture(content, name, most_pixels=most_pixels)
        check_size(name, *picture.rgb.shape[:2])
        blank = (picture.rgb == picture.rgb[0, 0]).all()
        note = "blank: every pixel has the same colour" if blank else picture.note
        kept = picture.own, picture.lost, picture.changes
        return cls(picture.rgb, picture.original, note, *kept)

    @classmethod
    def read(cls, path: Path) -> Self:
        """A picture's file; raises ImageError or PictureError naming it."""
        return cls.decode(read_bytes(path), str(path))

    def fitted(self, size: tuple[int, int]) -> Self:
        """The photo letterboxed on white into size = (height, width); itself if it has it."""
        if self.rgb.shape[:2] == size:
            return self
        return type(self)(fit(self.rgb, size, interpolation="smooth", fill=WHITE))


class GarmentPhoto(NamedTuple):
    """A photo of a garment alone, and where in it the garment is."""

    rgb: Pixels  # [H, W, 3]
    mask: Pixels  # [H, W], 255 on the garment and 0 beside it
    mask_source: MaskSource
    original: bytes | None = None  # the photo's file, if that is a plain JPEG or PNG
    note: str | None = None  # what of its colours cannot be told
    changes: tuple[Change, ...] = ()  # what was done to it on its way in

    @property
    def doubt(self) -> str | None:
        """Why its mask is hardly one garment's, be it estimated or told; None if nothing is odd."""
        return doubt(self.mask, self.mask_source)

    @classmethod
    def of(cls, rgb: Any, mask: Any = None) -> Self:
        """A uint8 RGB array [H, W, 3] and its mask, uint8 [H, W], told from the photo if None.

        Raises PictureError if one of them is something else.
        """
        check_picture("garment", rgb)
        return cls.masked(Picture(rgb), mask)

    @classmethod
    def decode(
        cls,
        content: bytes,
        name: str = "garment",
        *,
        mask: Pixels | None = None,
        most_pixels: int = MAX_PIXELS,
    ) -> Self:
        """The bytes of a picture and, if there is one, its mask: gray uint8 [H, W].

        Raises ImageError as `decode_picture` does, PictureError if it has no photo's size or the
        mask another one.
        """
        picture = decode_picture(content, name, most_pixels=most_pixels)
        check_size(name, *picture.rgb.shape[:2])
        return cls.masked(picture, mask, name)

    @classmethod
    def read(cls, path: Path, mask: Path | None = None) -> Self:
        """A picture's file and, if there is one, its mask's; raises ImageError or PictureError."""
        gray = None if mask is None else decode_gray(read_bytes(mask), str(mask))
        return cls.decode(read_bytes(path), str(path), mask=gray)

    @classmethod
    def masked(cls, picture: Picture, mask: Any, name: str = "garment") -> Self:
        """A decoded picture with its mask: the given one, its transparency, or an estimate."""
        kept = picture.original, picture.note, picture.changes
        if mask is None:
            return cls(picture.rgb, *garment_mask(picture.rgb, picture.alpha), *kept)
        check_mask(f"{name}: mask", mask, picture.rgb.shape[:2])
        return cls(picture.rgb, binary(mask), "file", *kept)

    def fitted(self, size: tuple[int, int]) -> Self:
        """Photo and mask letterboxed into size = (height, width); itself if it has it."""
        if self.rgb.shape[:2] == size:
            return self
        return type(self)(
            fit(self.rgb, size, interpolation="smooth", fill=WHITE),
            fit(self.mask, size, interpolation="nearest", fill=OFF),
            self.mask_source,
        )


def stored(photo: PersonPhoto | GarmentPhoto) -> bytes:
    """The bytes to keep of a photo, for `quick_rgb` to read: its own or a PNG.

    Its own if they are plain and both decoders see the same in them.
    """
    if photo.original is not None:
        with suppress(ImageError):
            if np.array_equal(quick_rgb(photo.original), photo.rgb):
                return photo.original
    return encode_png(photo.rgb)
