"""Convolutions whose weights lie as oneDNN reads them: for what does not learn, on a CPU.

Plain ones are reordered in every call, which at batch 1 takes as long as computing the coarse
levels. The activation behind a convolution is applied while its result is still in the cache.

NOTE: these are the operators that torch.compile generates on a CPU; torch has no public name for
them. tests/models/test_packed.py says what is relied on.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

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
            setattr(net, name, PackedAccumulate(child))
        elif isinstance(child, nn.Conv2d | nn.ConvTranspose2d):
            lower(child, dtype)
            setattr(net, name, Packed(child))
        else:
            pack(child, dtype)
    if isinstance(net, nn.Sequential):
        for i in range(len(net) - 1, 0, -1):
            if isinstance(net[i - 1], Packed) and type(net[i]) in ACTIVATIONS:
                net[i - 1].activate(net[i])
                del net[i]


class Accumulate(nn.Module):
    """total += conv(x), in the memory of total, a ReLU over it if wanted; knows no gradient."""

    def __init__(self, conv: nn.Conv2d, *, relu: bool = False) -> None:
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


class PackedAccumulate(Accumulate):
    """The same in one operator, without room for what is added."""

    def __init__(self, plain: Accumulate) -> None:
        super().__init__(Packed(plain.conv), relu=plain.relu)

    def forward(self, x: Tensor, total: Tensor) -> Tensor:
        conv = self.conv
        if conv.dtype != torch.float32:  # here the operator would round once instead of twice
            return super().forward(x, total)
        return torch.ops.mkldnn._convolution_pointwise_.binary(
            total, x.contiguous(memory_format=torch.channels_last), conv.weight, conv.bias,
            *conv.geometry, conv.groups, "add", None, "relu" if self.relu else None, [], "",
        )  # fmt: skip


class Frozen(nn.Module):
    """A convolution of stride 1 that never learns and the ReLU behind it; its input may learn."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.there = Packed(conv)
        self.there.activate(nn.ReLU())
        # What reaches the input is a convolution as well: filters turned round, channels swapped.
        back = nn.Conv2d(
            conv.out_channels, conv.in_channels, conv.kernel_size,
            padding=conv.padding, bias=False, device="meta",
        )  # fmt: skip
        turned = conv.weight.detach().flip(2, 3).transpose(0, 1)
        back.weight = nn.Parameter(turned, requires_grad=False)
        self.back = Packed(back)

    def forward(self, x: Tensor) -> Tensor:
        return _Frozen.apply(x.to(self.there.dtype), self)


class _Frozen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Frozen) -> Tensor:
        found = layer.there(x)
        ctx.save_for_backward(found)
        ctx.layer = layer
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (found,) = ctx.saved_tensors
        return ctx.layer.back(torch.ops.aten.threshold_backward(grad, found, 0)), None
