"""The same network and training step as the definitions read: what the others are compared with.

float32 in torch's own memory layout; 49 products of whole feature maps per cost volume; norms,
activations and upsampling on their own; every target's perceptual features anew; a default Adam.
What a try-on computes for the training is left out here as well (a frozen tutor has no gradient).
"""

import copy
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.fast.doubling import ExactDoublingConv2d
from pfafn.fast.precision import ExactConv2d
from pfafn.models.geometry import warp
from pfafn.models.tryon import TryOnNet
from pfafn.models.vgg import VGG19
from pfafn.models.warp import RADIUS, FlowNet
from pfafn.weights import model_file


def cost_volume(garment: Tensor, person: Tensor, radius: int = RADIUS) -> Tensor:
    """The formula as it is written: 49 products, each a pass over both features."""
    side, (h, w) = 2 * radius + 1, garment.shape[-2:]
    padded = F.pad(person, (radius,) * 4)
    shifts = (padded[..., y : y + h, x : x + w] for y in range(side) for x in range(side))
    return torch.stack([(garment * p).mean(dim=1) for p in shifts], dim=1)


class PlainFlowNet(FlowNet):
    """`FlowNet` with that cost volume, and torch's own sampling."""

    def __init__(self, flow: FlowNet) -> None:
        nn.Module.__init__(self)  # its heads are another's
        self.match, self.refine = flow.match, flow.refine

    def moved(self, level: Tensor, grid: Tensor) -> Tensor:
        return warp(level, grid)

    def costs(self, moved: Tensor, person: Tensor) -> Tensor:
        return F.leaky_relu(cost_volume(moved, person), 0.1)


class AnewVGG(VGG19):
    """`VGG19` that computes the features of a target anew for each image compared with it."""

    def target(self, image: Tensor) -> Tensor:
        return image

    def distance(self, image: Tensor, target: Tensor) -> Tensor:
        return super().distance(image, super().target(target))


class PlainVGG(AnewVGG):
    """The same, its weights as they were read."""

    def prepare(self, kind: str) -> None:
        pass


def plain(net: TryOnNet) -> TryOnNet:
    """A copy of a network, weights included, in the definition's form."""
    made = copy.deepcopy(net).float().to(memory_format=torch.contiguous_format)
    return defined(made)


def load(path: Path) -> TryOnNet:
    """A model file as it is usually read: the network is made, then given the file's weights."""
    card = model_file.read_card(path)
    net = TryOnNet(card["role"], card["channels"], card["fpn"], card["generator"])
    net.load_state_dict(safetensors.torch.load_file(path))
    return defined(net).eval().requires_grad_(False)


def defined(net: TryOnNet) -> TryOnNet:
    """The network with the definition's parts, in place."""
    net.warp.flow = PlainFlowNet(net.warp.flow)
    net.generator.last = in_two(*net.generator.last)
    return net


def in_two(last: ExactDoublingConv2d) -> nn.Sequential:
    """The generator's last layer as nearest x2 and a convolution."""
    conv = ExactConv2d(last.in_channels, last.out_channels, 3, padding=1, bias=False)
    conv.weight = last.weight
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), conv)
