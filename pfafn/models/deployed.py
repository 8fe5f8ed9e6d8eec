"""The try-on network rewritten for inference: the same outputs from fewer operations.

Exact algebra, so that only rounding differs:

- a batch norm behind a convolution is part of it;
- nearest x2 and a 3x3 convolution are one transposed convolution, 4 products a pixel instead of 9;
- a 1x1 convolution before a 3x3 one is part of it, which pays where it widens;
- a convolution of two stacked inputs is the sum of two, and the person's half needs no garment.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pfafn.models.packed import can_pack, give_back, pack
from pfafn.models.precision import ExactConv2d, ExactConvTranspose2d, lower
from pfafn.models.sampling import sample
from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import FlowHead, FlowNet, Pyramid

# [4, 3]: which taps of a 3-wide filter, run over a picture of doubled pixels, meet a pixel of it.
DOUBLED = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


class Seen(NamedTuple):
    """A level of the person pyramid, and what of it the flow's refinement will ask for."""

    feature: Tensor  # [B, F, h, w]
    evidence: Tensor  # [B, F / 2, h, w]


@torch.no_grad()
def deploy(
    net: TryOnNet, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> TryOnNet:
    """Rewrite a network for inference, in place and for good: it can neither learn nor be saved.

    device: where it will compute; dtype: what autocast will compute in there. The signatures stay,
    but `warp.encode_person` now gives a list of `Seen`.
    """
    net.eval().requires_grad_(False)
    # No list of all modules: it would keep the replaced weights in memory.
    for layers in [module for module in net.modules() if isinstance(module, nn.Sequential)]:
        fold_norms(layers)
        fold_doubling(layers)
    warp = net.warp
    warp.garment_fpn = MergedPyramid(warp.garment_fpn)
    warp.person_fpn = SeenPyramid(MergedPyramid(warp.person_fpn), warp.flow)
    warp.flow = SplitFlowNet(warp.flow)
    lower(net, dtype)
    give_back()
    net.requires_grad_(False).to(device, memory_format=torch.channels_last)
    if torch.device(device).type == "cpu" and can_pack(dtype):
        pack(net)
    return net


def fold_norms(layers: nn.Sequential) -> None:
    """Make each batch norm behind a convolution part of it."""
    for i in range(len(layers) - 1, 0, -1):
        if isinstance(layers[i], nn.BatchNorm2d) and isinstance(layers[i - 1], nn.Conv2d):
            fold_norm(layers[i - 1], layers[i])
            del layers[i]


def fold_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Scale and shift a convolution without a bias as the norm behind it does.

    In the weights' own memory: a second set of weights would be the peak of what a try-on needs.
    """
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    conv.weight.mul_(scale.view(-1, 1, 1, 1))
    conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale)


def fold_doubling(layers: nn.Sequential) -> None:
    """Make each nearest x2 before a 3x3 convolution part of it."""
    for i in range(len(layers) - 1, 0, -1):
        if isinstance(layers[i - 1], nn.Upsample) and isinstance(layers[i], nn.Conv2d):
            layers[i] = doubling(layers[i])
            del layers[i - 1]


def doubling(conv: nn.Conv2d) -> nn.ConvTranspose2d:
    """The transposed convolution that is nearest x2 and then this 3x3 convolution, padded by 1."""
    kind = ExactConvTranspose2d if isinstance(conv, ExactConv2d) else nn.ConvTranspose2d
    taps = DOUBLED.to(conv.weight)
    weight = torch.einsum("yi,xj,ocij->coyx", taps, taps, conv.weight)
    return with_weights(
        kind, weight, conv.bias, (conv.in_channels, conv.out_channels, 4), stride=2, padding=1
    )


def with_weights(
    kind: type[nn.Module], weight: Tensor, bias: Tensor | None, shape: tuple[int, ...], **how: int
) -> nn.Module:
    """kind(*shape, **how) with this weight and bias."""
    made = kind(*shape, bias=bias is not None, device="meta", **how)
    made.weight = nn.Parameter(weight)
    if bias is not None:
        made.bias = nn.Parameter(bias.clone())
    return made


class MergedPyramid(nn.Module):
    """`Pyramid` with the 1x1 convolution of fine levels inside the 3x3 one that follows.

    smooth(lateral(f) + double(a)) = own(f) + up(a + bias)

    The lateral's bias goes with `a`, since beyond the border, where f ends, it must end as well.
    """

    def __init__(self, pyramid: Pyramid) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.merged = nn.ModuleDict()
        for level, (lateral, smooth) in enumerate(
            zip(pyramid.lateral, pyramid.smooth, strict=True)
        ):
            # Per pixel C F + 9 F F products become 9 C F + 4 F F.
            if level and 8 * lateral.in_channels < 5 * lateral.out_channels:
                self.merged[str(level)] = Merged(lateral, smooth)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        pyramid: list[Tensor] = []
        for level, feature in enumerate(reversed(features)):
            above = pyramid[-1] if pyramid else None
            if str(level) in self.merged:
                pyramid.append(self.merged[str(level)](feature, above))
            else:
                pyramid.append(self.pyramid.level(level, feature, above))
        return pyramid


class Merged(nn.Module):
    """One level of a merged pyramid: feature [B, C, h, w], above [B, F, h / 2, w / 2] -> level."""

    def __init__(self, lateral: nn.Conv2d, smooth: nn.Conv2d) -> None:
        super().__init__()
        weight = torch.einsum("omij,mc->ocij", smooth.weight, lateral.weight[:, :, 0, 0])
        shape = (lateral.in_channels, smooth.out_channels, 3)
        self.own = with_weights(nn.Conv2d, weight, smooth.bias, shape, padding=1)
        self.up = doubling(smooth)
        self.up.bias = None
        self.bias = nn.Parameter(lateral.bias.view(-1, 1, 1))

    def forward(self, feature: Tensor, above: Tensor) -> Tensor:
        return self.own(feature).add_(self.up(above + self.bias))


class SeenPyramid(nn.Module):
    """The person pyramid, and of each level what the refinement's first convolution makes of it."""

    def __init__(self, pyramid: MergedPyramid, flow: FlowNet) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.evidence = nn.ModuleList(half(head[0], person=True) for head in flow.refine)

    def forward(self, features: list[Tensor]) -> list[Seen]:
        levels = zip(self.pyramid(features), self.evidence, strict=True)
        return [Seen(feature, evidence(feature)) for feature, evidence in levels]


def half(conv: nn.Conv2d, *, person: bool) -> nn.Conv2d:
    """What a 3x3 convolution makes of half its input: of the person, with the bias, or the rest."""
    garment, own = conv.weight.chunk(2, dim=1)
    weight, bias = (own, conv.bias) if person else (garment, None)
    shape = (weight.shape[1], weight.shape[0], 3)
    return with_weights(nn.Conv2d, weight.clone(), bias, shape, padding=1)


class SplitHead(nn.Module):
    """`FlowHead` of the refinement, told the person's half of its first layer."""

    def __init__(self, head: FlowHead) -> None:
        super().__init__()
        self.of_garment = half(head[0], person=False)
        self.rest = nn.Sequential(*list(head)[1:])

    def forward(self, both: tuple[Tensor, Tensor]) -> Tensor:
        garment, evidence = both
        return self.rest(self.of_garment(garment).add_(evidence))


class SplitFlowNet(FlowNet):
    """`FlowNet` over a person pyramid of `Seen`."""

    def __init__(self, flow: FlowNet) -> None:
        nn.Module.__init__(self)  # its heads are another's
        self.match = flow.match
        self.refine = nn.ModuleList(SplitHead(head) for head in flow.refine)

    def moved(self, level: Tensor, grid: Tensor) -> Tensor:
        return sample(level, grid) if level.device.type == "cpu" else super().moved(level, grid)

    def costs(self, moved: Tensor, person: Seen) -> Tensor:
        return super().costs(moved, person.feature)

    def evidence(self, moved: Tensor, person: Seen) -> tuple[Tensor, Tensor]:
        return moved, person.evidence
