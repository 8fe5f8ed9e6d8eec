"""A served model that gives back the person, and rows to ask it with."""

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import encode_png

H, W = 36, 48


class Mirror:
    """Stands in for a model: gives back the person, and keeps what it was asked."""

    asked: tuple[Any, ...] = ()
    encoded = 0  # persons

    @classmethod
    def load(cls, path: Path) -> "Mirror":
        assert path == Path("weights")
        return cls()

    def try_on(self, person: PersonPhoto, *rest: Any) -> np.ndarray:
        type(self).asked = (person, *rest)
        return person.rgb

    def encode_person(self, person: PersonPhoto) -> PersonPhoto:
        type(self).encoded += 1
        return person

    def encode_garment(self, garment: GarmentPhoto) -> GarmentPhoto:
        return garment

    def dress(self, pairs: list[tuple[PersonPhoto, GarmentPhoto]]) -> list[np.ndarray]:
        return [self.try_on(*pair) for pair in pairs]


def served_error() -> type[Exception]:
    from pfafn.inference.served import RequestError  # MLflow warns when it is imported

    return RequestError


def model(name: str) -> Any:
    from pfafn.inference.served import Served

    served = Served()
    context = SimpleNamespace(model_config={"model": name}, artifacts={"weights": "weights"})
    served.load_context(context)  # type: ignore[arg-type]
    return served


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (H, W, 3), dtype=np.uint8)


def text(array: np.ndarray) -> str:
    return base64.b64encode(encode_png(array)).decode()


ROW = {"person": text(picture(0)), "garment": text(picture(1))}
SHADES = [0, 100, 127, 128, 200, 255]
MASK = np.repeat(np.repeat(np.array(SHADES, np.uint8)[:, None], H // 6, axis=0), W, axis=1)
