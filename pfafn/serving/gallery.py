"""Pictures to choose from: of a folder, or of the project's test set."""

from collections.abc import Callable
from io import BytesIO
from mimetypes import guess_type
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd
from fastapi import APIRouter, Request, Response
from PIL import Image

from pfafn.kit.errors import UserError
from pfafn.photos.images import decode_rgb, encode_shown, quick_gray
from pfafn.photos.opening import is_picture_name, read_bytes
from pfafn.samples.shards import Shards
from pfafn.serving import answers
from pfafn.serving.answers import failures
from pfafn.serving.refusals import NotFound

KINDS = ("persons", "garments")
THUMB = (160, 160)  # pixels at most
PRIVATE = {"Cache-Control": "private, max-age=3600"}
router = APIRouter(prefix="/v1/gallery", tags=["gallery"])


class GalleryError(UserError, ValueError):
    """A folder is no gallery; the message says what it has to hold."""


class Gallery(NamedTuple):
    """Pictures by kind and name."""

    pictures: dict[str, dict[str, Callable[[], bytes]]]

    @classmethod
    def of(cls, folder: Path | None, artifacts: Path = Path("artifacts")) -> "Gallery":
        """Of a folder with persons/ and garments/; without one of the test set, or empty."""
        if folder is None:
            prepared = artifacts / "prepare"
            whole = (prepared / "manifest.parquet").is_file()
            return cls(of_test_set(prepared) if whole else {kind: {} for kind in KINDS})
        if missing := [kind for kind in KINDS if not (folder / kind).is_dir()]:
            raise GalleryError(
                f"{folder}: a gallery has folders {' and '.join(KINDS)}; {missing[0]} is missing"
            )
        return cls({kind: of_folder(folder / kind) for kind in KINDS})

    def content(self, kind: str, name: str) -> bytes:
        """A picture's file; raises NotFound."""
        if read := self.pictures.get(kind, {}).get(name):
            return read()
        raise NotFound(f"the gallery has no {name[:40]!r} among its {kind[:20]}")


def of_folder(folder: Path) -> dict[str, Callable[[], bytes]]:
    files = sorted(path for path in folder.iterdir() if is_picture_name(path.name))
    return {path.name: lambda path=path: read_bytes(path) for path in files}


def of_test_set(prepared: Path) -> dict[str, dict[str, Callable[[], bytes]]]:
    """The test split's persons, and the garments they wear or are to try on."""
    persons, garments = Shards(prepared / "persons"), Shards(prepared / "garments")
    manifest = pd.read_parquet(prepared / "manifest.parquet").query("split == 'test'")
    named = pd.read_parquet(prepared / "garments.parquet").set_index("garment")["name"]
    shown = {*manifest["garment"], *(other for row in manifest["unpaired"] for other in row)}
    return {
        "persons": {
            f"{row.person}.jpg": lambda item=row.item: persons[item]["image"]
            for row in manifest.itertuples()
        },
        "garments": {
            f"{named[number]}.png": lambda number=number: cut_out(garments[number])
            for number in sorted(shown & set(named.index))
        },
    }


def cut_out(row: dict[str, bytes]) -> bytes:
    """A garment's photo with its mask as transparency."""
    rgb, mask = decode_rgb(row["image"]), quick_gray(row["mask"])
    picture = Image.fromarray(rgb)
    picture.putalpha(Image.fromarray(mask))
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def small(content: bytes) -> bytes:
    """A small JPEG of a picture."""
    picture = Image.fromarray(decode_rgb(content))
    picture.thumbnail(THUMB)
    return encode_shown(np.asarray(picture), "JPEG")


@router.get("", response_model=answers.GalleryAnswer, summary="Pictures to choose from")
async def listing(request: Request) -> Any:
    found: Gallery = request.app.state.gallery
    return {kind: [entry(kind, name) for name in found.pictures[kind]] for kind in KINDS}


def entry(kind: str, name: str) -> dict[str, str]:
    url = f"/v1/gallery/{kind}/{quote(name, safe='')}"
    return {"name": name, "url": url, "thumb": f"{url}?thumb=true"}


@router.get("/{kind}/{name}", responses=failures(404, 422), summary="One of them")
def picture(request: Request, kind: str, name: str, thumb: bool = False) -> Response:
    content = request.app.state.gallery.content(kind, name)
    if thumb:
        content, media = small(content), "image/jpeg"
    else:
        media = guess_type(name)[0] or "application/octet-stream"
    return Response(content, media_type=media, headers=PRIVATE)
