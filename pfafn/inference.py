"""Try-on for anybody who has pictures: load a model, dress a person.

    TryOn.load("models:/pfafn-student@champion").wear(person, garment)

Pictures are uint8 RGB arrays [H, W, 3] of any size, masks uint8 [H, W]. The networks work at the
size they were trained for: other pictures are letterboxed into it and the result is brought back to
the person's size. At exactly that size nothing is resampled. Device and precision: `pfafn.runtime`.
"""

from pathlib import Path
from typing import ClassVar, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pfafn import runtime
from pfafn.batches import autocast, to_device
from pfafn.data.body_parts import derive_body_parts
from pfafn.data.dataset import mask_tensor, picture_tensor
from pfafn.data.images import Pixels, fit, fit_points, placement
from pfafn.data.masks import garment_mask
from pfafn.data.parts import BodyPart, Category, Parsing
from pfafn.inputs import (
    PictureError,
    check_ids,
    check_keypoints,
    check_mask,
    check_picture,
)
from pfafn.models import tryon
from pfafn.models.tryon import ModelError, TryOnNet, Worn
from pfafn.objectives import redress
from pfafn.pixels import to_pixels

REGISTERED = "models:/"  # how a model in the registry is named
WHITE, NONE = 255, 0  # what lies beside a letterboxed photo; beside a mask or an id map


class Dresser:
    """A whole network of one role on its device; base of TryOn and TutorTryOn."""

    role: ClassVar[str]

    def __init__(self, net: TryOnNet, size: tuple[int, int], source: object = "the model") -> None:
        """net: with its generator; size: (height, width) at which it works.

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
        self.device = runtime.device()
        self.net = net.eval().requires_grad_(False)
        self.net.to(self.device, memory_format=torch.channels_last)

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """Load a model file, or a registered one by its name models:/NAME@ALIAS (or /VERSION).

        Raises ModelError if the file is missing, none of ours, or of another role.
        """
        path = locate(source)
        net, card = tryon.load(path)
        height, width = card["image"]
        return cls(net, (height, width), source)

    def batch(self, **samples: Tensor) -> dict[str, Tensor]:
        """Samples as batches of one, on the device."""
        return to_device({name: value[None] for name, value in samples.items()}, self.device)

    def drawn(self, worn: Worn, size: tuple[int, int]) -> Pixels:
        """The try-on of a batch of one at size (height, width), uint8 RGB [H, W, 3]."""
        return restore(to_pixels(worn.image)[0], size)


OTHER_ROLE = {
    "tutor": "is a tutor, which needs parsing and keypoints as well; use TutorTryOn, or a student",
    "student": "is a student, which needs no parsing; use TryOn, or a tutor",
}


class TryOn(Dresser):
    """The parser-free student: a photo and a garment are enough."""

    role = "student"

    @torch.inference_mode()
    def wear(self, person: Pixels, garment: Pixels, mask: Pixels | None = None) -> Pixels:
        """The person in the garment: uint8 RGB [H, W, 3] of the person's size.

        person [H, W, 3], garment [h, w, 3]: uint8 RGB; mask [h, w]: uint8 in {0, 255}, where the
        garment is, estimated from its picture if None. Raises PictureError if they do not fit.
        """
        check_picture("person", person)
        garment, mask = flat_garment(garment, mask, self.size)
        seen = fit(person, self.size, interpolation="smooth", fill=WHITE)
        solid = mask_tensor(mask)
        batch = self.batch(
            person=picture_tensor(seen), garment=picture_tensor(garment) * solid, mask=solid
        )
        with autocast(self.device):
            worn = self.net.wear(batch["person"], batch["garment"], batch["mask"])
        return self.drawn(worn, person.shape[:2])


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
        return self.drawn(worn, size)


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
