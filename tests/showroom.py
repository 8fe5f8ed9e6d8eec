"""`pfafn serve` in a project with two versions of a tiny model, and pictures to try on."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image, ImageDraw
from retraining import Project

from benchmarks.server import served
from pfafn import registry
from pfafn.registry.store import connect
from pfafn.studio.dataset import synthesise

SIZE = (128, 96)


class Showroom(NamedTuple):
    """A running server, and the folder of pictures that somebody brings along."""

    url: str
    brought: Path


@contextmanager
def opened(folder: Path) -> Iterator[Showroom]:
    """The first of two versions is champion and served; the working directory is its project."""
    gallery, brought = pictures(folder)
    with pytest.MonkeyPatch.context() as patch:
        project = Project(folder / "project")
        patch.chdir(project.root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        connect(project.root, create=True)
        for name, quality in (("a", 20), ("b", 10)):
            project.retrain(name, quality)
            project.put_networks(*SIZE)
            registry.sync()
        with served(registry.CHAMPION, "--gallery", str(gallery)) as server:
            yield Showroom(f"{server.url}/", brought)


def pictures(folder: Path) -> tuple[Path, Path]:
    """A gallery of drawn people and garments, and files that somebody brings along."""
    gallery, brought = folder / "gallery", folder / "brought"
    synthesise(folder / "studio", train=0, test=6, size=SIZE)
    gallery.mkdir()
    brought.mkdir()
    (folder / "studio/test_img").rename(gallery / "persons")
    (folder / "studio/test_color").rename(gallery / "garments")
    for kind, name in (("persons", "anna"), ("garments", "shirt")):
        last = sorted((gallery / kind).iterdir())[-1]
        last.rename(brought / f"{name}.jpg")
    chair = Image.new("RGB", (300, 400), (233, 229, 222))
    draw = ImageDraw.Draw(chair)
    for box in ((90, 60, 210, 210), (80, 210, 220, 235), (83, 235, 96, 370), (205, 235, 218, 370)):
        draw.rectangle(box, (150, 96, 52))
    chair.save(brought / "chair.jpg")
    (brought / "letter.jpg").write_text("Dear shop, this is no picture.")
    (brought / "huge.png").write_bytes(white_png(20_000, 10_000))
    return gallery, brought


def white_png(width: int, height: int) -> bytes:
    """A whole PNG of so many white pixels, one bit each."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * (width // 8)) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
