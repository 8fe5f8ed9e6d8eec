"""Try-on for anybody who has pictures: load a model, dress a person.

    TryOn.load("models:/pfafn-student@champion").wear(person, garment)

`wear` takes arrays of any size: pictures uint8 RGB [H, W, 3], masks uint8 [H, W]. Who has files or
their bytes makes a PersonPhoto and a GarmentPhoto of them and calls `try_on`; in a gallery, what is
told by one photo alone is computed once: `encode_person`, `encode_garment`, then `dress` for every
pair.

The networks work at the size they were trained for: other pictures are letterboxed into it, or are
shown what a pose frames (`pfafn.photos.framing`), and the result is brought back into the photo.
What the garment does not change stays the photo's own (`pfafn.photos.pasting`). At exactly the
model's size nothing is resampled, and the result is the network's own unless `preserve` says else.
Device and precision: `pfafn.kit.machine`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pfafn.fast.deploy import PersonLevel
from pfafn.fast.graph import both, recorded
from pfafn.inference.deployed import DeployedTryOn, onnx_instead
from pfafn.inference.seen import Seen
from pfafn.kit.machine import autocast
from pfafn.models.inputs import Garment
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels
from pfafn.photos.tensors import picture_tensor, to_bytes
from pfafn.photos.warping import Drawn, OwnGarment


class EncodedPerson(NamedTuple):
    """A person's photo as the network knows it."""

    seen: Seen
    image: Tensor  # [1, 3, H, W] in [-1, 1], on the device
    features: list[PersonLevel]  # coarse to fine

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the photo."""
        return self.seen.size


class EncodedGarment(NamedTuple):
    """A garment's photo as the network knows it."""

    image: Tensor  # [1, 3, H, W] in [-1, 1], times its mask, on the device
    mask: Tensor  # [1, 1, H, W] in {0, 1}
    features: list[Tensor]  # [1, F, h, w], coarse to fine
    own: OwnGarment


class Parts(NamedTuple):
    """The parts of a network's work, as it reads."""

    net: TryOnNet
    device: torch.device
    precision: torch.dtype

    def of_person(self, image: Tensor) -> list[PersonLevel]:
        """[B, 3, H, W] in [-1, 1] -> what the network knows of persons, coarse to fine."""
        with autocast(self.device, self.precision):
            return self.net.warp.flow.ahead(self.net.warp.encode_person(image))

    def of_garment(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] in [-1, 1] -> what the network knows of garments, coarse to fine."""
        with autocast(self.device, self.precision):
            return self.net.warp.encode_garment(image)

    def draw(
        self, image: Tensor, person: list[PersonLevel], garment: Garment, features: list[Tensor]
    ) -> Drawn:
        """The try-ons of a batch, of what is known of both: tensors [B, ...] on the device."""
        with autocast(self.device, self.precision):
            warped = self.net.warp.align(person, features, *garment)
            return told(self.net.render(image, warped))


class TryOn(DeployedTryOn):
    """The parser-free student: a photo and a garment are enough."""

    role = "student"

    def __init__(self, net: TryOnNet, size: tuple[int, int], source: object = "the model") -> None:
        """As of DeployedTryOn. On a GPU what is done for one shape again and again is recorded."""
        super().__init__(net, size, source)
        self.settle_parts()

    @classmethod
    def load(cls, source: str | Path) -> Any:
        """As of DeployedTryOn; of an ONNX file what wears by it, for which torch is not needed."""
        return onnx_instead(source) or super().load(source)

    def settle_parts(self) -> None:
        """How the parts of the work are done: as the network reads, compiled, recorded.

        None of them holds the model, which so goes, with its memory, as soon as nobody has it.
        """
        parts, device = Parts(self.net, self.device, self.precision), self.device
        of_person, of_garment, of_both = map(
            self.quick, (parts.of_person, parts.of_garment, parts.draw)
        )

        def alone(image: Tensor, garment: Garment) -> Drawn:
            known = both(device, lambda: of_person(image), lambda: of_garment(garment.image))
            return of_both(image, known[0], garment, known[1])

        self._of_person, self._of_garment, self._of_both, self._alone = (
            recorded(part, device) for part in (of_person, of_garment, of_both, alone)
        )

    def wear(
        self,
        person: Pixels,
        garment: Pixels,
        mask: Pixels | None = None,
        *,
        preserve: bool | None = None,
        pose: NDArray[np.floating] | None = None,
    ) -> Pixels:
        """The person in the garment: uint8 RGB [H, W, 3] of the person's size.

        person [H, W, 3], garment [h, w, 3]: uint8 RGB; mask [h, w]: uint8 in {0, 255}, where the
        garment is, estimated from its picture if None. preserve, pose: as of `try_on`. Raises
        PictureError if they do not fit.
        """
        photos = PersonPhoto.of(person), GarmentPhoto.of(garment, mask)
        return self.try_on(*photos, preserve=preserve, pose=pose)

    @torch.inference_mode()
    def try_on(
        self,
        person: PersonPhoto,
        garment: GarmentPhoto,
        *,
        preserve: bool | None = None,
        pose: NDArray[np.floating] | None = None,
    ) -> Pixels:
        """The person in the garment: uint8 RGB [H, W, 3] of the person's size, in sRGB.

        preserve: True, and what the garment does not change is the photo's own, to the bit; False,
        and all is drawn anew; None is False for a photo of exactly the model's size, else True.
        pose: float [18, 3] in pixels of the photo, which frames the person. Raises PictureError if
        nothing of the garment's mask is left at the model's size, or the pose is none.
        """
        seen = Seen.of(person.rgb, pose, self.size)
        image = self.batch(picture_tensor(seen.shown))
        drawn = self._alone(image, self.batch(self.garment_tensors(garment)))
        return self.finished(drawn, [seen], [OwnGarment.of(garment, self.size)], preserve)[0]

    @torch.inference_mode()
    def encode_person(
        self, person: PersonPhoto, pose: NDArray[np.floating] | None = None
    ) -> EncodedPerson:
        """What of a try-on depends on the person's photo alone; pose as of `try_on`."""
        seen = Seen.of(person.rgb, pose, self.size)
        image = self.batch(picture_tensor(seen.shown))
        return EncodedPerson(seen, image, self._of_person(image))

    @torch.inference_mode()
    def encode_garment(self, garment: GarmentPhoto) -> EncodedGarment:
        """What of a try-on depends on the garment alone; errors as of `try_on`."""
        flat = self.batch(self.garment_tensors(garment))
        features = self._of_garment(flat.image)
        return EncodedGarment(*flat, features, OwnGarment.of(garment, self.size))

    @torch.inference_mode()
    def dress(
        self,
        pairs: Sequence[tuple[EncodedPerson, EncodedGarment]],
        *,
        preserve: bool | None = None,
    ) -> list[Pixels]:
        """The try-on of every pair, uint8 RGB [H, W, 3] of the person's size; one batch.

        preserve: as of `try_on`.
        """
        persons, garments = zip(*pairs, strict=True)
        image, *features = joined([(p.image, *p.features) for p in persons])
        flat, mask, *cloth = joined([(g.image, g.mask, *g.features) for g in garments])
        drawn = self._of_both(image, features, Garment(flat, mask), cloth)
        seen, own = [p.seen for p in persons], [g.own for g in garments]
        return self.finished(drawn, seen, own, preserve)

    @torch.inference_mode()
    def made_of(self, person: EncodedPerson, garment: EncodedGarment) -> Worn:
        """What the try-on of a pair is made of: a batch of one, at the model's size."""
        flat = Garment(garment.image, garment.mask)
        with autocast(self.device, self.precision):
            warped = self.net.warp.align(person.features, garment.features, *flat)
            return self.net.render(person.image, warped)

    def finished(
        self,
        drawn: Drawn,
        seen: Iterable[Seen],
        garments: Iterable[OwnGarment],
        preserve: bool | None,
    ) -> list[Pixels]:
        """What was drawn, each brought back into its photo; preserve as of `try_on`."""
        batch = zip(*(part.cpu().numpy() for part in drawn), seen, garments, strict=True)
        return [photo.worn(Drawn(*of_one), own, preserve) for *of_one, photo, own in batch]


def told(worn: Worn) -> Drawn:
    """What of a batch is handed on: tensors [B, ...]."""
    shares = [worn.mask]
    if worn.keep is not None:
        shares.append(1 - worn.keep * (1 - worn.mask))
    shares = 2 * torch.cat([worn.composition, *shares], dim=1) - 1
    made = to_bytes(torch.cat([worn.image, worn.behind, shares], dim=1))
    grid = worn.warped.alignment.grid.float()
    return Drawn(made[..., :3], made[..., 3:6], made[..., 6], made[..., 7:], grid)


def joined(parts: list[tuple]) -> list:
    """Tensors [1, ...], or tuples of them, of every part -> the same [N, ...]."""
    if len(parts) == 1:
        return list(parts[0])
    return [
        torch.cat(same) if isinstance(same[0], Tensor) else type(same[0])(*joined(same))
        for same in zip(*parts, strict=True)
    ]
