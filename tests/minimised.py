"""What is minimised, where its terms are known: stand-ins for the networks, weights one by one."""

from typing import Any

import torch
from tinytrain import LOSSES, TINY, H, W, collated
from torch import Tensor, nn

from pfafn.learning.objective import Objective
from pfafn.learning.student import StudentObjective
from pfafn.learning.tutor import TutorObjective
from pfafn.models.generator import Rendered
from pfafn.models.geometry import grid_of
from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import Alignment, Warped
from pfafn.params.sections import Losses
from pfafn.samples.sample import StudentSample

CLOTHES = (slice(16, 48), slice(32, 64))  # rows, columns of the clothes of tinytrain's people
KEPT = 0.75  # of the warped garment, by the composition mask


def left(like: Tensor) -> Tensor:
    """The mask of the picture's left half, of which half is there to a half."""
    mask = torch.zeros_like(like)
    mask[..., : W // 2] = 1
    mask[..., W // 4 : W // 2] = 0.5
    return mask


class Left(nn.Module):
    """A warp network that puts the garment on the picture's left half, as it lies."""

    def forward(self, condition: Tensor, garment: Tensor, mask: Tensor) -> Warped:
        batch = len(garment)
        offsets = [torch.zeros(batch, 2, H >> n, W >> n) for n in (4, 3, 2, 1, 0)]
        grids = [grid_of(offset) for offset in offsets]
        pyramid = [offset.sum(dim=1, keepdim=True) for offset in offsets]
        return Warped(garment, left(mask), Alignment(grids, offsets, offsets), pyramid)


class Gray(nn.Module):
    """A generator that draws gray, and keeps a share of the garment everywhere."""

    def forward(self, seen: Tensor) -> Rendered:
        return Rendered(seen[:, :3] * 0, torch.full_like(seen[:, :1], KEPT))


class Told(Gray):
    """A generator that says this besides."""

    def __init__(self, **told: Any) -> None:
        super().__init__()
        self.told = told

    def forward(self, seen: Tensor) -> Rendered:
        return super().forward(seen)._replace(**self.told)


class Square(nn.Module):
    """A perceptual distance that is the mean square."""

    def target(self, image: Tensor) -> list[Tensor]:
        return [image]

    def distance(self, image: Tensor, target: Tensor | list[Tensor]) -> Tensor:
        wanted = target[0] if isinstance(target, list) else target
        return (image - wanted).square().mean()


def network(role: str, generator: int | None = 2) -> TryOnNet:
    torch.manual_seed(0)
    net = TryOnNet(role, **TINY, generator=generator)
    net.warp = Left()
    if generator:
        net.generator = Gray()
    return net


def objective(role: str, losses: Losses, *, generator: int | None = 2, **more: float) -> Objective:
    if role == "tutor":
        return TutorObjective(network(role, generator), losses, Square(), **more)
    return StudentObjective(network(role, generator), network("tutor"), losses, Square(), **more)


def batch() -> StudentSample:
    return collated(2)


def losses(section: str = "", **weights: float | str) -> Losses:
    """All weights zero, skin alike early and late, no guidance; but for those that are given."""
    plain = LOSSES.model_dump()
    silent = {s: dict.fromkeys(names, 0.0) for s, names in plain.items()}
    silent["generator"]["skin_late"] = 1.0
    silent["distillation"]["mode"] = "none"
    if section:
        silent[section] |= weights
    return Losses.model_validate(silent)
