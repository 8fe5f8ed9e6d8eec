"""A model file made ready to dress people: on its device, at its size, of the right role."""

from collections.abc import Callable, Iterable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.utils.data import default_collate

from pfafn.fast.deploy import deploy
from pfafn.kit import machine
from pfafn.kit.errors import ModelError
from pfafn.models.inputs import Garment
from pfafn.models.tryon import TryOnNet
from pfafn.photos.entrance import GarmentPhoto
from pfafn.photos.fitting import restore
from pfafn.photos.images import Pixels
from pfafn.photos.tensors import Batch, mask_tensor, picture_tensor, to_device
from pfafn.photos.usable import fitted_garment
from pfafn.weights import model_file

REGISTERED = "models:/"  # how a model in the registry is named
# Called by name: a model that is served elsewhere brings no registry along, and needs none.
LOOK_UP = "pfafn.registry:resolve"
WITHOUT_TORCH = "pfafn.portable.tryon:OnnxTryOn"
OTHER_ROLE = {
    "tutor": "is a tutor, which needs parsing and keypoints as well; use TutorTryOn, or a student",
    "student": "is a student, which needs no parsing; use TryOn, or a tutor",
}


class DeployedTryOn:
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
        self.precision = machine.precision(self.device)
        self.net = deploy(net, self.device, self.precision)

    def quick(self, part: Callable[..., Any]) -> Callable[..., Any]:
        """A part of the network's work, compiled if that is wished for (`pfafn.kit.machine`)."""
        return torch.compile(part, dynamic=False) if machine.compiles(calls=1) else part

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """Load a model file, or a registered one by its name models:/NAME@ALIAS (or /VERSION).

        Raises ModelError if the file is missing, none of ours, or of another role.
        """
        path = locate(source)
        net, card = model_file.load(path)
        height, width = card["image"]
        return cls(net, (height, width), source)

    def batch(self, sample: Batch) -> Batch:
        """A tensor, or a named tuple of them, as a batch of one on the device."""
        return to_device(default_collate([sample]), self.device)

    def garment_tensors(self, garment: GarmentPhoto) -> Garment:
        """The garment's picture times its mask, and the mask, at the model's size.

        Raises PictureError if nothing of the mask is left there.
        """
        fitted = fitted_garment(garment, self.size)
        mask = mask_tensor(fitted.mask)
        return Garment(picture_tensor(fitted.rgb) * mask, mask)

    def drawn(self, images: Tensor, sizes: Iterable[tuple[int, int]]) -> list[Pixels]:
        """The try-ons of a batch, uint8 [B, H, W, 3], each at its size (height, width)."""
        pairs = zip(images.cpu().numpy(), sizes, strict=True)
        return [restore(image, size) for image, size in pairs]


def onnx_instead(source: str | Path) -> Any:
    """What wears by an ONNX file, if the source is one; else None. For it torch is not needed."""
    return resolve_name(WITHOUT_TORCH).load(source) if Path(source).suffix == ".onnx" else None


def locate(source: str | Path) -> Path:
    """The model file that a path or a registry name models:/... stands for."""
    if str(source).startswith(REGISTERED):
        return resolve_name(LOOK_UP)(str(source))
    return Path(source)
