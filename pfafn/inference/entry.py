"""What whoever asks a server may send, and what is told of it: the same behind every server.

A picture is base64 of its file, however that is spelt, or the file's bytes. Nothing is believed of
it: it has at most MOST_PIXELS, and is a photo only once the entrance has taken it for one.
"""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import decode_gray

Photo = PersonPhoto | GarmentPhoto

MOST_PIXELS = 25_000_000  # of a picture
OF_URLS = str.maketrans("-_", "+/")  # base64's other alphabet
LINES = {64}, {76}  # letters in a line of base64, as tools break it
UNSEEN = " \t\r\n\ufeff\u200b"  # what copied texts have around them


def from_base64(text: str) -> bytes:
    """The bytes that a text stands for; ValueError if it is no base64.

    It may be a data URL, have line breaks, even as `\\n` or made spaces, be quoted as URLs, JSON or
    Python do, be of the alphabet for URLs, have lost its padding, or have gone through a form,
    which makes a space of every plus.
    """
    text = unquote(text).strip(UNSEEN)
    text = re.split("base64,", text, maxsplit=1, flags=re.IGNORECASE)[-1]
    text = re.sub(r"^b?(['\"])(.*)\1$", r"\2", text, flags=re.DOTALL).replace("\\/", "/")
    text = re.sub(r"\s*([\r\n]|\\[rn])\s*", "", text.strip(UNSEEN))
    words = text.split(" ")
    text = ("" if {len(word) for word in words[:-1]} in LINES else "+").join(words)
    text = text.translate(OF_URLS) + "=" * (-len(text) % 4)
    return base64.b64decode(text, validate=True)


def person_photo(content: bytes, name: str = "person") -> PersonPhoto:
    """A person from a file's bytes; raises ImageError or PictureError naming it by `name`."""
    return PersonPhoto.decode(content, name, most_pixels=MOST_PIXELS)


def garment_photo(
    content: bytes, mask: bytes | None, name: str = "garment", mask_name: str = "garment_mask"
) -> GarmentPhoto:
    """A garment from the bytes of its file and, if there is one, its mask's; errors as above."""
    gray = None if mask is None else decode_gray(mask, mask_name, most_pixels=MOST_PIXELS)
    return GarmentPhoto.decode(content, name, mask=gray, most_pixels=MOST_PIXELS)


def notes(person: PersonPhoto | None, garment: GarmentPhoto | None) -> list[tuple[str, str]]:
    """What is doubtful of the photos: which one, and what."""
    told = [("person", person.note), ("person", person.lost)] if person else []
    told += [("garment", garment.note), ("garment", garment.doubt)] if garment else []
    return [(which, text) for which, text in told if text]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What is said against a photo names its file."""
    try:
        yield
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error
