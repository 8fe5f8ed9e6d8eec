"""VGG19 features of the perceptual loss (torchvision's layer numbering), without torchvision."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pfafn.fast.packed import Frozen, can_pack
from pfafn.fast.precision import lower

WIDTHS = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512)
RELUS = (1, 6, 11, 20, 29)  # relu1_1 .. relu5_1
WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)


class HalvePool(nn.Module):
    """2x2 max-pool that keeps an axis of size 1, as the published losses on tiny levels did."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, [min(2, s) for s in x.shape[-2:]], stride=2)


class VGG19(nn.Module):
    """Frozen VGG19 up to relu5_1: image [B, 3, H, W] in [-1, 1] -> five features, fine first."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:
            if isinstance(width, str):
                layers.append(HalvePool())
            else:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        self.prepare(image.device.type)
        found = []
        for index, layer in enumerate(self.features):
            image = layer(image)
            if index in RELUS:
                found.append(image)
        return found

    def prepare(self, kind: str) -> None:
        """Hold the weights as a kind of device reads them, for good.

        It is called some twenty times a step, and never learns.
        """
        if torch.is_autocast_enabled(kind):
            lower(self, torch.get_autocast_dtype(kind))
        first = self.features[0]
        if kind == "cpu" and isinstance(first, nn.Conv2d) and can_pack(first.weight.dtype):
            self.pack()

    def pack(self) -> None:
        """Put each convolution's weights in order for both ways, and the ReLU behind it inside."""
        for i, layer in enumerate(self.features):
            if isinstance(layer, nn.Conv2d):
                self.features[i], self.features[i + 1] = Frozen(layer), nn.Identity()

    @torch.no_grad()
    def target(self, image: Tensor) -> list[Tensor]:
        """What `distance` needs of an image that several others are compared with."""
        return self(image)

    def distance(self, image: Tensor, target: Tensor | list[Tensor]) -> Tensor:
        """Perceptual loss (paper eq. 4): weighted L1 over the five features; scalar.

        target: an image, or what `target` says of it.
        """
        wanted = target if isinstance(target, list) else self.target(target)
        pairs = zip(self(image), wanted, WEIGHTS, strict=True)
        return torch.stack([w * _L1.apply(a, b) for a, b, w in pairs]).sum()


class _L1(torch.autograd.Function):
    """`F.l1_loss(found, wanted)` in a third of its time, its gradient to the bit.

    torch keeps a float32 difference and passes over it four times on the way back; the sign of the
    difference is all that is needed. Here it is taken in the features' own precision.
    """

    @staticmethod
    def forward(ctx: Any, found: Tensor, wanted: Tensor) -> Tensor:
        difference = found - wanted
        ctx.save_for_backward(difference.sign())
        exact = torch.promote_types(found.dtype, torch.float32)
        return difference.abs_().mean(dtype=exact)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (sign,) = ctx.saved_tensors
        return sign * (grad / sign.numel()).to(sign.dtype), None
