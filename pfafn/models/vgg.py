"""VGG19 features of the perceptual loss (torchvision's layer numbering), without torchvision."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
        features = []
        for index, layer in enumerate(self.features):
            image = layer(image)
            if index in RELUS:
                features.append(image)
        return features

    def distance(self, image: Tensor, target: Tensor) -> Tensor:
        """Perceptual loss (paper eq. 4): weighted L1 over the five features; scalar.

        image, target [B, 3, H, W] in [-1, 1]; nothing is learnt from the target.
        """
        with torch.no_grad():
            wanted = self(target)
        pairs = zip(self(image), wanted, WEIGHTS, strict=True)
        return torch.stack([weight * F.l1_loss(a, b) for a, b, weight in pairs]).sum()
