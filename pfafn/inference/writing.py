"""Results as files: PNG or JPEG by their names, whole or not at all."""

import os
from pathlib import Path

from pfafn.photos.images import Kind, Pixels, encode_shown


def kind_of(path: Path) -> Kind:
    """The format of a result's file, by its name."""
    return "PNG" if path.suffix.lower() == ".png" else "JPEG"


def write_picture(path: Path, image: Pixels) -> None:
    """Write an sRGB picture as PNG or JPEG, as of `write_bytes`."""
    write_bytes(path, encode_shown(image, kind_of(path)))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically, making the folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
