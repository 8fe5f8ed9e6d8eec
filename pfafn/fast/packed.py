"""Convolutions whose weights lie as oneDNN reads them: for what does not learn, on a CPU.

Plain ones are reordered in every call, which at batch 1 takes as long as computing the coarse
levels. The activation behind a convolution is applied while its result is still in the cache.

NOTE: these are the operators that torch.compile generates on a CPU; torch has no public name for
them. tests/fast/test_packed.py says what is relied on.
"""

import torch
from torch import Tensor, nn

from pfafn.fast.precision import lower

ACTIVATIONS = {nn.ReLU: "relu", nn.LeakyReLU: "leaky_relu"}


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this CPU and this build of torch have the operators in a precision."""
    if not torch.backends.mkldnn.is_available():
        return False
    if dtype == torch.bfloat16:
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return dtype == torch.float32


def pack(net: nn.Module, dtype: torch.dtype) -> None:
    """Replace the convolutions of a network on the CPU, and activations behind them, in place.

    dtype: what those that need not be exact compute in. One after the other, so that the old
    weights are given back as the new ones come.
    """
    for name, child in list(net.named_children()):
        if isinstance(child, Accumulate):
            lower(child.conv, dtype)
            setattr(net, name, PackedAccumulate(Packed(child.conv), relu=child.relu))
        elif isinstance(child, nn.Conv2d | nn.ConvTranspose2d):
            lower(child, dtype)
            setattr(net, name, Packed(child))
        else:
            pack(child, dtype)
    if isinstance(net, nn.Sequential):
        for i in range(len(net) - 1, 0, -1):
            if isinstance(net[i - 1], Packed) and type(net[i]) in ACTIVATIONS:
                slope = [net[i].negative_slope] if isinstance(net[i], nn.LeakyReLU) else []
                net[i - 1].activation = ACTIVATIONS[type(net[i])], slope
                del net[i]


class Accumulate(nn.Module):
    """total += conv(x), in the memory of total, a ReLU over it if wanted; knows no gradient."""

    def __init__(self, conv: "nn.Conv2d | Packed", *, relu: bool = False) -> None:
        super().__init__()
        self.conv, self.relu = conv, relu

    def forward(self, x: Tensor, total: Tensor) -> Tensor:
        total.add_(self.conv(x))
        return total.relu_() if self.relu else total


class Packed(nn.Module):
    """A convolution, or a transposed one, in the precision of its weights."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.dtype = conv.weight.dtype
        self.bias = conv.bias
        self.activation: tuple[str, list[float]] = ("none", [])  # applied to every result
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

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.dtype).contiguous(memory_format=torch.channels_last)
        name, slope = self.activation
        return self.operator(
            x, self.weight, self.bias, *self.geometry, self.groups, name, slope, ""
        )


class PackedAccumulate(Accumulate):
    """The same of a packed convolution in one operator, without room for what is added."""

    def forward(self, x: Tensor, total: Tensor) -> Tensor:
        conv = self.conv
        if conv.dtype != torch.float32:  # here the operator would round once instead of twice
            return super().forward(x, total)
        return torch.ops.mkldnn._convolution_pointwise_.binary(
            total, x.contiguous(memory_format=torch.channels_last), conv.weight, conv.bias,
            *conv.geometry, conv.groups, "add", None, "relu" if self.relu else None, [], "",
        )  # fmt: skip
