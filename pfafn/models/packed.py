"""Convolutions whose weights lie as oneDNN reads them: for inference on a CPU.

Plain ones are reordered in every call, which at batch 1 takes as long as computing the coarse
levels. The activation behind a convolution is applied while its result is still in the cache.

NOTE: these are the operators that torch.compile generates on a CPU; torch has no public name for
them. tests/models/test_packed.py says what is relied on.
"""

import ctypes
import sys

import torch
from torch import Tensor, nn

ACTIVATIONS = {nn.ReLU: "relu", nn.LeakyReLU: "leaky_relu"}


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this CPU and this build of torch have the operators in a precision."""
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def pack(net: nn.Module) -> None:
    """Replace the convolutions of a network on the CPU, and activations behind them, in place."""
    for name, child in list(net.named_children()):
        if isinstance(child, nn.Conv2d | nn.ConvTranspose2d):
            setattr(net, name, Packed(child))
        else:
            pack(child)
    if isinstance(net, nn.Sequential):
        for i in range(len(net) - 1, 0, -1):
            if isinstance(net[i - 1], Packed) and type(net[i]) in ACTIVATIONS:
                net[i - 1].activate(net[i])
                del net[i]
    give_back()


def give_back() -> None:
    """Hand freed memory back to the system, where the C library needs to be told to.

    Weights replaced by others of slightly larger size leave holes that fit none of them.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)


class Packed(nn.Module):
    """A convolution, or a transposed one, in the precision of its weights."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.dtype = conv.weight.dtype
        self.bias = conv.bias
        self.activation: tuple[str, list[float]] = ("none", [])
        weight = conv.weight.detach().contiguous(memory_format=torch.channels_last)
        if isinstance(conv, nn.ConvTranspose2d):
            self.operator = torch.ops.mkldnn._convolution_transpose_pointwise
            reorder = torch.ops.mkldnn._reorder_convolution_transpose_weight
            self.geometry = (conv.padding, conv.output_padding, conv.stride, conv.dilation)
        else:
            self.operator = torch.ops.mkldnn._convolution_pointwise
            reorder = torch.ops.mkldnn._reorder_convolution_weight
            self.geometry = (conv.padding, conv.stride, conv.dilation)
        self.weight = reorder(weight, *self.geometry, conv.groups, None)
        self.groups = conv.groups

    def activate(self, layer: nn.ReLU | nn.LeakyReLU) -> None:
        """Apply this activation to every result."""
        slope = [layer.negative_slope] if isinstance(layer, nn.LeakyReLU) else []
        self.activation = (ACTIVATIONS[type(layer)], slope)

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.dtype).contiguous(memory_format=torch.channels_last)
        name, slope = self.activation
        return self.operator(
            x, self.weight, self.bias, *self.geometry, self.groups, name, slope, ""
        )
