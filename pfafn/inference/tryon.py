"""Try-on for anybody who has pictures: load a model, dress a person.

    TryOn.load("models:/pfafn-student@champion").wear(person, garment)

`wear` takes arrays of any size: pictures uint8 RGB [H, W, 3], masks uint8 [H, W]. Who has files or
their bytes makes a PersonPhoto and a GarmentPhoto of them and calls `try_on`; in a gallery, what is
told by one photo alone is computed once: `encode_person`, `encode_garment`, then `dress` for every
pair.

The networks work at the size they were trained for: other pictures are letterboxed into it and the
result is brought back to the person's size. At exactly that size nothing is resampled. Device and
precision: `pfafn.kit.machine`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pfafn.annotations.body_parts import derive_body_parts
from pfafn.fast.deploy import PersonLevel
from pfafn.fast.graph import both, recorded
from pfafn.inference.deployed import DeployedTryOn
from pfafn.kit.machine import autocast
from pfafn.models.inputs import Annotation, Garment
from pfafn.models.parts import BodyPart, Category, Parsing
from pfafn.models.redress import redress
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.photos.checks import check_ids, check_keypoints
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.fitting import fit, fit_points
from pfafn.photos.images import Pixels
from pfafn.photos.tensors import picture_tensor, to_bytes

NONE = 0  # what lies beside a letterboxed id map


class EncodedPerson(NamedTuple):
    """A person's photo as the network knows it."""

    size: tuple[int, int]  # (height, width) of the photo
    image: Tensor  # [1, 3, H, W] in [-1, 1], on the device
    features: list[PersonLevel]  # coarse to fine


class EncodedGarment(NamedTuple):
    """A garment's photo as the network knows it."""

    image: Tensor  # [1, 3, H, W] in [-1, 1], times its mask, on the device
    mask: Tensor  # [1, 1, H, W] in {0, 1}
    features: list[Tensor]  # [1, F, h, w], coarse to fine


class TryOn(DeployedTryOn):
    """The parser-free student: a photo and a garment are enough."""

    role = "student"

    def __init__(self, net: TryOnNet, size: tuple[int, int], source: object = "the model") -> None:
        """As of DeployedTryOn. On a GPU what is done for one shape again and again is recorded."""
        super().__init__(net, size, source)
        self.settle_parts()

    def settle_parts(self) -> None:
        """How the parts of the work are done: as the network reads, compiled, recorded."""
        of_person, of_garment, of_both = (
            self.quick(part) for part in (self.person_features, self.garment_features, self.draw)
        )

        def alone(image: Tensor, garment: Garment) -> Tensor:
            known = both(self.device, lambda: of_person(image), lambda: of_garment(garment.image))
            return of_both(image, known[0], garment, known[1])

        self._of_person, self._of_garment, self._of_both, self._alone = (
            recorded(part, self.device) for part in (of_person, of_garment, of_both, alone)
        )

    def wear(self, person: Pixels, garment: Pixels, mask: Pixels | None = None) -> Pixels:
        """The person in the garment: uint8 RGB [H, W, 3] of the person's size.

        person [H, W, 3], garment [h, w, 3]: uint8 RGB; mask [h, w]: uint8 in {0, 255}, where the
        garment is, estimated from its picture if None. Raises PictureError if they do not fit.
        """
        return self.try_on(PersonPhoto.of(person), GarmentPhoto.of(garment, mask))

    @torch.inference_mode()
    def try_on(self, person: PersonPhoto, garment: GarmentPhoto) -> Pixels:
        """The person in the garment: uint8 RGB [H, W, 3] of the person's size.

        Raises PictureError if nothing of the garment's mask is left at the model's size.
        """
        image = self.batch(picture_tensor(person.fitted(self.size).rgb))
        worn = self._alone(image, self.batch(self.garment_tensors(garment)))
        return self.drawn(worn, [person.rgb.shape[:2]])[0]

    @torch.inference_mode()
    def encode_person(self, person: PersonPhoto) -> EncodedPerson:
        """What of a try-on depends on the person's photo alone."""
        image = self.batch(picture_tensor(person.fitted(self.size).rgb))
        return EncodedPerson(person.rgb.shape[:2], image, self._of_person(image))

    @torch.inference_mode()
    def encode_garment(self, garment: GarmentPhoto) -> EncodedGarment:
        """What of a try-on depends on the garment alone; errors as of `try_on`."""
        flat = self.batch(self.garment_tensors(garment))
        return EncodedGarment(*flat, features=self._of_garment(flat.image))

    @torch.inference_mode()
    def dress(self, pairs: Sequence[tuple[EncodedPerson, EncodedGarment]]) -> list[Pixels]:
        """The try-on of every pair, uint8 RGB [H, W, 3] of the person's size; one batch."""
        persons, garments = zip(*pairs, strict=True)
        image, *features = joined([(p.image, *p.features) for p in persons])
        flat, mask, *cloth = joined([(g.image, g.mask, *g.features) for g in garments])
        worn = self._of_both(image, features, Garment(flat, mask), cloth)
        return self.drawn(worn, (p.size for p in persons))

    @torch.inference_mode()
    def made_of(self, person: EncodedPerson, garment: EncodedGarment) -> Worn:
        """What the try-on of a pair is made of: a batch of one, at the model's size."""
        flat = Garment(garment.image, garment.mask)
        with autocast(self.device, self.precision):
            warped = self.net.warp.align(person.features, garment.features, *flat)
            return self.net.render(person.image, warped)

    def person_features(self, image: Tensor) -> list[PersonLevel]:
        """[B, 3, H, W] in [-1, 1] -> what the network knows of persons, coarse to fine."""
        with autocast(self.device, self.precision):
            return self.net.warp.flow.ahead(self.net.warp.encode_person(image))

    def garment_features(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] in [-1, 1] -> what the network knows of garments, coarse to fine."""
        with autocast(self.device, self.precision):
            return self.net.warp.encode_garment(image)

    def draw(
        self, image: Tensor, person: list[PersonLevel], garment: Garment, features: list[Tensor]
    ) -> Tensor:
        """The try-ons of a batch, uint8 [B, H, W, 3], of what is known of both."""
        with autocast(self.device, self.precision):
            warped = self.net.warp.align(person, features, *garment)
            return to_bytes(self.net.render(image, warped).image)


def joined(parts: list[tuple]) -> list:
    """Tensors [1, ...], or tuples of them, of every part -> the same [N, ...]."""
    if len(parts) == 1:
        return list(parts[0])
    return [
        torch.cat(same) if isinstance(same[0], Tensor) else type(same[0])(*joined(same))
        for same in zip(*parts, strict=True)
    ]


class TutorTryOn(DeployedTryOn):
    """The parser-based tutor: also needs to be told what is where on the person."""

    role = "tutor"

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
        """As TryOn.wear, with the person's annotations as of `try_on`."""
        photo, flat = PersonPhoto.of(person), GarmentPhoto.of(garment, mask)
        return self.try_on(photo, flat, parsing, keypoints, body_parts, category)

    @torch.inference_mode()
    def try_on(
        self,
        person: PersonPhoto,
        garment: GarmentPhoto,
        parsing: Pixels,
        keypoints: NDArray[np.floating],
        body_parts: Pixels | None = None,
        category: Category = Category.UPPER,
    ) -> Pixels:
        """As TryOn.try_on, with the person's annotations at the photo's size.

        parsing, body_parts: uint8 [H, W] of Parsing and BodyPart ids; keypoints: float [18, 3] in
        pixels of the photo; body_parts are derived from the other two if None. Raises PictureError
        if one of them does not fit.
        """
        size = person.rgb.shape[:2]
        check_ids("parsing", parsing, size, len(Parsing))
        points = check_keypoints(keypoints)
        if body_parts is None:
            body_parts = derive_body_parts(points, parsing)
        check_ids("body_parts", body_parts, size, len(BodyPart))
        flat = self.garment_tensors(garment)
        parsing, body_parts = (
            fit(ids, self.size, interpolation="nearest", fill=NONE) for ids in (parsing, body_parts)
        )
        points = points if size == self.size else fit_points(points, size, self.size)
        photo = picture_tensor(person.fitted(self.size).rgb)
        maps = (torch.from_numpy(array) for array in (parsing, body_parts, points))
        annotation = Annotation(*maps, torch.tensor(int(category)))
        with autocast(self.device, self.precision):
            worn = redress(self.net, *map(self.batch, (photo, annotation, flat)))
        return self.drawn(to_bytes(worn.image), [size])[0]
