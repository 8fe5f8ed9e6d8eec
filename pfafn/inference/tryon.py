"""Try-on for anybody who has pictures: load a model, dress a person.

    TryOn.load("models:/pfafn-student@champion").wear(person, garment)

In a gallery what is told by one picture alone is computed once: `encode_person`, `encode_garment`,
then `dress` for every pair.

Pictures are uint8 RGB arrays [H, W, 3] of any size, masks uint8 [H, W]. The networks work at the
size they were trained for: other pictures are letterboxed into it and the result is brought back to
the person's size. At exactly that size nothing is resampled. Device and precision:
`pfafn.kit.machine`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pfafn.data.body_parts import derive_body_parts
from pfafn.fast.deploy import PersonLevel, deploy
from pfafn.kit import machine
from pfafn.kit.machine import autocast
from pfafn.models.parts import BodyPart, Category, Parsing
from pfafn.models.redress import redress
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.photos.checks import (
    PictureError,
    check_ids,
    check_keypoints,
    check_mask,
    check_picture,
)
from pfafn.photos.fitting import fit, fit_points, placement
from pfafn.photos.images import Pixels
from pfafn.photos.masks import garment_mask
from pfafn.photos.tensors import mask_tensor, picture_tensor, to_device, to_pixels
from pfafn.weights import model_file
from pfafn.weights.model_file import ModelError

REGISTERED = "models:/"  # how a model in the registry is named
WHITE, NONE = 255, 0  # what lies beside a letterboxed photo; beside a mask or an id map


class Dresser:
    """A whole network of one role on its device; base of TryOn and TutorTryOn."""

    role: ClassVar[str]

    def __init__(self, net: TryOnNet, size: tuple[int, int], source: object = "the model") -> None:
        """net: with its generator, becomes this one's own; size: (height, width) at which it works.

        Raises ModelError naming `source` if the network is of another role or cannot draw.
        """
        if net.generator is None:
            raise ModelError(
                f"{source}: a warp network alone cannot draw a try-on; take the model of "
                f"{self.role}_tryon"
            )
        if net.role != self.role:
            raise ModelError(f"{source}: {OTHER_ROLE[net.role]}")
        self.size = size
        self.device = machine.device()
        self.net = deploy(net, self.device, machine.precision(self.device))

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """Load a model file, or a registered one by its name models:/NAME@ALIAS (or /VERSION).

        Raises ModelError if the file is missing, none of ours, or of another role.
        """
        path = locate(source)
        net, card = model_file.load(path)
        height, width = card["image"]
        return cls(net, (height, width), source)

    def batch(self, **samples: Tensor) -> dict[str, Tensor]:
        """Samples as batches of one, on the device."""
        return to_device({name: value[None] for name, value in samples.items()}, self.device)

    def drawn(self, worn: Worn, sizes: Iterable[tuple[int, int]]) -> list[Pixels]:
        """The try-ons of a batch, each at its size (height, width), uint8 RGB [H, W, 3]."""
        images = zip(to_pixels(worn.image), sizes, strict=True)
        return [restore(image, size) for image, size in images]


OTHER_ROLE = {
    "tutor": "is a tutor, which needs parsing and keypoints as well; use TutorTryOn, or a student",
    "student": "is a student, which needs no parsing; use TryOn, or a tutor",
}


class Person(NamedTuple):
    """A photo as the network knows it."""

    size: tuple[int, int]  # (height, width) of the photo
    image: Tensor  # [1, 3, H, W] in [-1, 1], on the device
    features: list[PersonLevel]  # coarse to fine


class Garment(NamedTuple):
    """A garment's picture as the network knows it."""

    image: Tensor  # [1, 3, H, W] in [-1, 1], times its mask, on the device
    mask: Tensor  # [1, 1, H, W] in {0, 1}
    features: list[Tensor]  # [1, F, h, w], coarse to fine


class TryOn(Dresser):
    """The parser-free student: a photo and a garment are enough."""

    role = "student"

    def wear(self, person: Pixels, garment: Pixels, mask: Pixels | None = None) -> Pixels:
        """The person in the garment: uint8 RGB [H, W, 3] of the person's size.

        person [H, W, 3], garment [h, w, 3]: uint8 RGB; mask [h, w]: uint8 in {0, 255}, where the
        garment is, estimated from its picture if None. Raises PictureError if they do not fit.
        """
        return self.dress([(self.encode_person(person), self.encode_garment(garment, mask))])[0]

    @torch.inference_mode()
    def encode_person(self, person: Pixels) -> Person:
        """What of a try-on depends on the photo alone; arguments and errors as of `wear`."""
        check_picture("person", person)
        seen = fit(person, self.size, interpolation="smooth", fill=WHITE)
        image = self.batch(image=picture_tensor(seen))["image"]
        warp = self.net.warp
        with autocast(self.device):
            return Person(person.shape[:2], image, warp.flow.ahead(warp.encode_person(image)))

    @torch.inference_mode()
    def encode_garment(self, garment: Pixels, mask: Pixels | None = None) -> Garment:
        """What of a try-on depends on the garment alone; arguments and errors as of `wear`."""
        garment, mask = flat_garment(garment, mask, self.size)
        solid = mask_tensor(mask)
        batch = self.batch(image=picture_tensor(garment) * solid, mask=solid)
        with autocast(self.device):
            return Garment(**batch, features=self.net.warp.encode_garment(batch["image"]))

    @torch.inference_mode()
    def dress(self, pairs: Sequence[tuple[Person, Garment]]) -> list[Pixels]:
        """The try-on of every pair, uint8 RGB [H, W, 3] of the person's size; one batch."""
        persons, garments = zip(*pairs, strict=True)
        person = joined([(p.image, *p.features) for p in persons])
        garment = joined([(g.image, g.mask, *g.features) for g in garments])
        with autocast(self.device):
            warped = self.net.warp.align(person[1:], garment[2:], *garment[:2])
            worn = self.net.render(person[0], warped)
        return self.drawn(worn, (p.size for p in persons))


def joined(parts: list[tuple]) -> list:
    """Tensors [1, ...], or tuples of them, of every part -> the same [N, ...]."""
    if len(parts) == 1:
        return list(parts[0])
    return [
        torch.cat(same) if isinstance(same[0], Tensor) else type(same[0])(*joined(same))
        for same in zip(*parts, strict=True)
    ]


class TutorTryOn(Dresser):
    """The parser-based tutor: also needs to be told what is where on the person."""

    role = "tutor"

    @torch.inference_mode()
    def wear(
        self,
        person: Pixels,
        garment: Pixels,
        mask: Pixels | None,
        parsing: Pixels,
        keypoints: NDArray[np.floating],
        body_parts: Pixels | None = None,
        category: Category = Category.UPPER,
    ) -> Pixels:
        """As TryOn.wear, with the person's annotations at the photo's size.

        parsing, body_parts: uint8 [H, W] of Parsing and BodyPart ids; keypoints: float [18, 3] in
        pixels of the photo; body_parts are derived from the other two if None.
        """
        check_picture("person", person)
        size = person.shape[:2]
        check_ids("parsing", parsing, size, len(Parsing))
        points = check_keypoints(keypoints)
        if body_parts is None:
            body_parts = derive_body_parts(points, parsing)
        check_ids("body_parts", body_parts, size, len(BodyPart))
        garment, mask = flat_garment(garment, mask, self.size)
        parsing, body_parts = (
            fit(ids, self.size, interpolation="nearest", fill=NONE) for ids in (parsing, body_parts)
        )
        points = points if size == self.size else fit_points(points, size, self.size)
        solid = mask_tensor(mask)
        batch = self.batch(
            person=picture_tensor(fit(person, self.size, interpolation="smooth", fill=WHITE)),
            unpaired_garment=picture_tensor(garment) * solid,
            unpaired_mask=solid,
            parsing=torch.from_numpy(parsing),
            body_parts=torch.from_numpy(body_parts),
            keypoints=torch.from_numpy(points),
            category=torch.tensor(int(category)),
        )
        with autocast(self.device):
            worn = redress(self.net, batch)
        return self.drawn(worn, [size])[0]


def locate(source: str | Path) -> Path:
    """The model file that a path or a registry name models:/... stands for."""
    if str(source).startswith(REGISTERED):
        from pfafn import registry

        return registry.resolve(str(source))
    return Path(source)


def flat_garment(
    garment: Pixels, mask: Pixels | None, size: tuple[int, int]
) -> tuple[Pixels, Pixels]:
    """A garment and its mask (estimated if None) at size; PictureError if they cannot be used."""
    check_picture("garment", garment)
    if mask is None:
        mask = garment_mask(garment)[0]
        hint = "it could not be told from the background; give a mask"
    else:
        hint = "a garment's pixels are above 127"
        check_mask(mask, garment.shape[:2])
    small = fit(mask, size, interpolation="nearest", fill=NONE)
    if not mask_tensor(small).any():
        raise PictureError(f"the garment's mask is empty: {hint}")
    return fit(garment, size, interpolation="smooth", fill=WHITE), small


def restore(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Undo fit(): the picture of `size` (height, width) that lies letterboxed in image."""
    place = placement(size, image.shape[:2])
    inner = image[place.top : place.top + place.height, place.left : place.left + place.width]
    if inner.shape[:2] == size:
        return np.ascontiguousarray(inner)
    method = cv2.INTER_AREA if place.scale_y > 1 else cv2.INTER_CUBIC
    return cv2.resize(inner, size[::-1], interpolation=method)
