"""A server over a tiny network, asked without a socket."""

import warnings
from pathlib import Path
from typing import Any

import photoset

from pfafn.photos.images import encode_png
from pfafn.serving.app import create
from pfafn.serving.gallery import Gallery
from pfafn.serving.refusals import Bounds
from pfafn.serving.service import Service

with warnings.catch_warnings():  # it would rather have another client of HTTP
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PERSON = encode_png(photoset.person(1, (80, 60)))
GARMENT = encode_png(photoset.garment(2, (64, 96))[0])
PAIR = {"person_image": ("person.png", PERSON), "garment_image": ("garment.png", GARMENT)}


def serving(source: object, artifacts: Path = Path("none"), **bounds: Any) -> TestClient:
    """A client of a server of its own; it runs inside `with`."""
    service = Service(str(source), Bounds(**bounds), watch=3600)
    app = create(service, Gallery.of(None, artifacts))
    return TestClient(app, raise_server_exceptions=False)
