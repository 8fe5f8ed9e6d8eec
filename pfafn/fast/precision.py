"""Where lower precision must not reach: the layers that say positions and colours."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pfafn.models.generator import Generator
from pfafn.models.warp import FlowHead


class Exact:
    """Makes a convolution compute in the precision of its weights, also where autocast lowers it.

    bfloat16 has eight bits: too few for a flow of some hundred pixels or for a colour.
    """

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(self.weight.dtype))


class ExactConv2d(Exact, nn.Conv2d):
    """Convolution in the precision of its weights."""


class ExactConvTranspose2d(Exact, nn.ConvTranspose2d):
    """Transposed convolution in the precision of its weights."""


def exact_layers(net: nn.Module) -> Iterator[nn.Conv2d]:
    """Those convolutions of all try-on networks in a module that say flows and colours."""
    for module in net.modules():
        if isinstance(module, FlowHead):
            yield module[-1]
        elif isinstance(module, Generator):
            yield module.last[1]


def keep_exact(net: nn.Module) -> None:
    """Make these layers exact, in place; their weights and the names of these stay."""
    for layer in exact_layers(net):
        layer.__class__ = ExactConv2d


def lower(net: nn.Module, dtype: torch.dtype) -> None:
    """Hold the weights of all convolutions but the exact ones in dtype, in place.

    For networks that do not learn: autocast would convert the same weights again in each call.
    """
    for module in net.modules():
        convolves = isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        if convolves and not isinstance(module, Exact):
            module.to(dtype)
