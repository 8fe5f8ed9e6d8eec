"""The try-on network rewritten for inference: the same outputs from fewer operations.

Exact algebra, so that only rounding differs:

- a batch norm behind a convolution is part of it;
- nearest x2 and a 3x3 convolution are one transposed convolution, 4 products a pixel instead of 9;
- a 1x1 convolution before a 3x3 one is part of it, which pays where it widens;
- a convolution of two stacked inputs is the sum of two, and the person's half needs no garment.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.fast.doubling import Planes, doubled
from pfafn.fast.flow import FastFlowNet
from pfafn.fast.fused import fuse, scale_and_shift
from pfafn.fast.packed import Accumulate, can_pack, pack
from pfafn.fast.precision import Exact, ExactConvTranspose2d, keep_exact, lower
from pfafn.fast.sampling import sample
from pfafn.models.blocks import ConvResidual
from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import SLOPE, FlowNet, Pyramid, ResidualBlock

HEAVY = 8 * 2**20  # bytes of a filter that is not worth 16 taps instead of 9


class PersonLevel(NamedTuple):
    """A level of the person pyramid, and what the refinement's first convolution makes of it."""

    feature: Tensor  # [B, F, h, w]
    evidence: Tensor  # [B, F / 2, h, w]


@torch.no_grad()
def deploy(
    net: TryOnNet, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> TryOnNet:
    """Rewrite a network for inference, in place and for good: it can neither learn nor be saved.

    device: where it will compute; dtype: what autocast will compute in there. The signatures stay;
    `warp.flow` is a `SplitFlowNet`.
    """
    net.eval().requires_grad_(False)
    keep_exact(net)
    # No list of all modules: it would keep the replaced weights in memory.
    for layers in [module for module in net.modules() if isinstance(module, nn.Sequential)]:
        fold_norms(layers)
        fold_doubling(layers, dtype)
    if net.generator:
        net.generator.last.append(Planes())
    accumulate_residuals(net)
    warp = net.warp
    warp.garment_fpn = MergedPyramid(warp.garment_fpn)
    warp.person_fpn = MergedPyramid(warp.person_fpn)
    warp.flow = SplitFlowNet(warp.flow)
    net.requires_grad_(False)
    kind = torch.device(device).type
    if kind == "cpu" and can_pack(dtype):
        pack(net, dtype)
    else:
        lower(net, dtype)
        if kind == "cuda" and dtype == torch.bfloat16:
            fuse(net)
        net.to(device, memory_format=torch.channels_last)
    return net


def fold_norms(layers: nn.Sequential) -> None:
    """Make each batch norm behind a convolution without a bias part of it.

    In the weights' own memory: a second set of weights would be the peak of what a try-on needs.
    """
    for i in range(len(layers) - 1, 0, -1):
        conv, norm = layers[i - 1], layers[i]
        if isinstance(norm, nn.BatchNorm2d) and isinstance(conv, nn.Conv2d):
            scale, shift = scale_and_shift(norm)
            conv.weight.mul_(scale.view(-1, 1, 1, 1))
            conv.bias = nn.Parameter(shift)
            del layers[i]


def accumulate_residuals(net: nn.Module) -> None:
    """Make the residual blocks of a network add to their input in its own memory, in place."""
    for name, child in list(net.named_children()):
        if isinstance(child, ResidualBlock | ConvResidual):
            setattr(net, name, Residual(child.block, relu=isinstance(child, ConvResidual)))
        else:
            accumulate_residuals(child)


class Residual(nn.Module):
    """A residual block [B, C, H, W] -> the same, which overwrites its input."""

    def __init__(self, block: nn.Sequential, *, relu: bool) -> None:
        super().__init__()
        self.first, self.last = block[:-1], Accumulate(block[-1], relu=relu)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x), x)


def fold_doubling(layers: nn.Sequential, dtype: torch.dtype) -> None:
    """Make each nearest x2 before a 3x3 convolution part of it, if its filter is not heavy.

    The heavy ones see the fewest pixels: 1 % of the time of a try-on would cost 2 % more memory.
    """
    for i in range(len(layers) - 1, -1, -1):
        conv = layers[i]
        behind = i and isinstance(conv, nn.Conv2d) and isinstance(layers[i - 1], nn.Upsample)
        if behind and conv.weight.numel() * dtype.itemsize < HEAVY:
            layers[i] = doubling(conv)
            del layers[i - 1]


def doubling(conv: nn.Conv2d) -> nn.ConvTranspose2d:
    """The transposed convolution that is nearest x2 and then this 3x3 convolution, padded by 1."""
    kind = ExactConvTranspose2d if isinstance(conv, Exact) else nn.ConvTranspose2d
    made = kind(conv.in_channels, conv.out_channels, 4, stride=2, padding=1, device="meta")
    return with_weights(made, doubled(conv.weight), conv.bias)


def convolution(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """The 3x3 convolution, padded by 1, with this weight and bias."""
    made = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, device="meta")
    return with_weights(made, weight, bias)


def with_weights(conv: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    conv.weight = nn.Parameter(weight)
    conv.bias = None if bias is None else nn.Parameter(bias.clone())
    return conv


class MergedPyramid(Pyramid):
    """`Pyramid` with the 1x1 convolution of fine levels inside the 3x3 one that follows.

    smooth(lateral(f) + double(a)) = own(f) + up(a + bias)

    The lateral's bias goes with `a`, since beyond the border, where f ends, it must end as well.
    """

    def __init__(self, pyramid: Pyramid) -> None:
        nn.Module.__init__(self)
        self.lateral, self.smooth = pyramid.lateral, pyramid.smooth
        self.merged = nn.ModuleDict()
        for level, lateral in enumerate(self.lateral):
            # Per pixel C F + 9 F F products become 9 C F + 4 F F.
            if level and 8 * lateral.in_channels < 5 * lateral.out_channels:
                self.merged[str(level)] = Merged(lateral, self.smooth[level])
                self.lateral[level] = self.smooth[level] = nn.Identity()  # in it by now

    def level(self, level: int, feature: Tensor, above: Tensor | None) -> Tensor:
        if str(level) in self.merged:
            return self.merged[str(level)](feature, above)
        return super().level(level, feature, above)


class Merged(nn.Module):
    """One level of a merged pyramid: feature [B, C, h, w], above [B, F, h / 2, w / 2] -> level."""

    def __init__(self, lateral: nn.Conv2d, smooth: nn.Conv2d) -> None:
        super().__init__()
        weight = torch.einsum("omij,mc->ocij", smooth.weight, lateral.weight[:, :, 0, 0])
        self.own = Accumulate(convolution(weight, smooth.bias))
        self.up = doubling(smooth)
        self.up.bias = None
        self.bias = nn.Parameter(lateral.bias.view(-1, 1, 1))

    def forward(self, feature: Tensor, above: Tensor) -> Tensor:
        return self.own(feature, self.up(above + self.bias))


class SplitFlowNet(FastFlowNet):
    """`FastFlowNet` that takes a person pyramid, or what is known `ahead` of it.

    The person's half of what the flow is refined by needs no garment.
    """

    def __init__(self, flow: FlowNet) -> None:
        super().__init__(flow)
        self.of_garment, self.of_person = nn.ModuleList(), nn.ModuleList()
        for head in flow.refine:
            garment, person = head[0].weight.chunk(2, dim=1)
            self.of_garment.append(convolution(garment.clone(), None))
            self.of_person.append(Accumulate(convolution(person.clone(), head[0].bias)))
        self.refine = nn.ModuleList(nn.Sequential(*list(head)[2:]) for head in flow.refine)

    def ahead(self, person: list[Tensor]) -> list[PersonLevel]:
        """A person pyramid, and what refinement will ask of each level, whatever the garment."""
        levels = zip(person, self.of_person, strict=True)
        return [PersonLevel(feature, own.conv(feature)) for feature, own in levels]

    def warp(self, features: Tensor, grid: Tensor) -> Tensor:
        # Nobody learns from it: it may stay in its own precision.
        return sample(features, grid)

    def costs(self, warped: Tensor, person: Tensor | PersonLevel) -> Tensor:
        feature = person.feature if isinstance(person, PersonLevel) else person
        return super().costs(warped, feature)

    def evidence(self, level: int, warped: Tensor, person: Tensor | PersonLevel) -> Tensor:
        """What the refinement's first layer, activation included, makes of both: [B, F / 2, h, w].

        The larger warped level is given back before the other layers run.
        """
        both = self.of_garment[level](warped)
        if isinstance(person, PersonLevel):
            both.add_(person.evidence)
        else:
            self.of_person[level](person, both)
        return F.leaky_relu_(both, SLOPE)
