"""Convolutions as a GPU's tensor cores want them, and what lies between them: for no learning.

cuDNN adds bias and residual and applies the ReLU before it writes; torch's own convolution writes,
and two or three kernels more read and write all of it again. Tensor cores read eight channels at
once; for the three of a picture cuDNN has but a kernel without them.

NOTE: torch has these operators, without a word about them. tests/fast/test_fused.py says what is
relied on.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.library import custom_op

from pfafn.fast.correlation import TRITON
from pfafn.fast.packed import Accumulate
from pfafn.fast.precision import Exact

EIGHT = 8  # numbers of 16 bits that a tensor core reads at once


@custom_op("pfafn::conv_relu", mutates_args={})
def conv_relu(
    x: Tensor, weight: Tensor, bias: Tensor, added: Tensor | None, stride: int, padding: int
) -> Tensor:
    """relu(conv(x) + bias + added), [B, C, H, W] -> [B, O, h, w], all of one precision."""
    geometry = [stride, stride], [padding, padding], [1, 1], 1
    try:
        if added is None:
            return torch.cudnn_convolution_relu(x, weight, bias, *geometry)
        return torch.cudnn_convolution_add_relu(x, weight, added, 1.0, bias, *geometry)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # cuDNN has no such kernel for these sizes on this GPU
        made = F.conv2d(x, weight, bias, stride, padding)
        return made.relu_() if added is None else made.add_(added).relu_()


@conv_relu.register_fake
def _room(
    x: Tensor, weight: Tensor, bias: Tensor, added: Tensor | None, stride: int, padding: int
) -> Tensor:
    size = [(side + 2 * padding - weight.shape[2]) // stride + 1 for side in x.shape[2:]]
    return x.new_empty(len(x), *size, len(weight)).permute(0, 3, 1, 2)


def fuse(net: nn.Module) -> None:
    """Join convolutions, norms and activations of a network, and fill its inputs, in place.

    Of convolutions in the precision that autocast computes in; the exact ones are left as they are.
    """
    join(net)
    for layers in [module for module in net.modules() if isinstance(module, nn.Sequential)]:
        fill(layers)


def join(net: nn.Module) -> None:
    """Make one of what can be one: a convolution or a norm and its ReLU, a bias and a leaky one."""
    for name, child in list(net.named_children()):
        if isinstance(child, Accumulate) and child.relu:
            setattr(net, name, FusedAccumulate(Fused(child.conv), relu=True))
        else:
            join(child)
    if isinstance(net, nn.Sequential):
        for i in range(len(net) - 1, 0, -1):
            join_pair(net, i)


def join_pair(layers: nn.Sequential, i: int) -> None:
    """The same of one layer and the one before it."""
    before, layer = layers[i - 1], layers[i]
    if type(before) is nn.Conv2d and isinstance(layer, nn.ReLU):
        layers[i - 1] = Fused(before)
        del layers[i]
    elif isinstance(before, nn.BatchNorm2d) and isinstance(layer, nn.ReLU):
        layers[i - 1] = Affine(*scale_and_shift(before), 0.0, layers[i + 1].weight.dtype)
        del layers[i]
    elif type(before) is nn.Conv2d and isinstance(layer, nn.LeakyReLU) and before.bias is not None:
        one = torch.ones_like(before.bias)
        layers[i] = Affine(one, before.bias, layer.negative_slope, before.weight.dtype)
        before.bias = None


def scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm that does not learn multiplies each channel by, and adds: both [C]."""
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return scale, norm.bias - norm.running_mean * scale


def fill(layers: nn.Sequential) -> None:
    """Give convolutions inputs that are zero, up to a multiple of eight channels."""
    for i in range(len(layers) - 1, -1, -1):
        conv = layers[i]
        if isinstance(conv, nn.Conv2d | Fused) and not isinstance(conv, Exact):
            missing = -conv.weight.shape[1] % EIGHT
            if missing:
                filled = nn.ConstantPad3d((0, 0, 0, 0, 0, missing), 0.0)  # channels are its depth
                conv.weight = nn.Parameter(filled(conv.weight), requires_grad=False)
                layers.insert(i, filled)


class Fused(nn.Module):
    """A convolution, what is added to it, and a ReLU: [B, C, H, W] -> [B, O, h, w]."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = conv.weight
        none = conv.weight.new_zeros(conv.out_channels)
        self.bias = nn.Parameter(none, requires_grad=False) if conv.bias is None else conv.bias
        self.stride, self.padding = conv.stride[0], conv.padding[0]

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        x = x.to(self.weight.dtype).contiguous(memory_format=torch.channels_last)
        return conv_relu(x, self.weight, self.bias, added, self.stride, self.padding)


class FusedAccumulate(Accumulate):
    """The same of what is added to, which is left as it was."""

    def forward(self, x: Tensor, total: Tensor) -> Tensor:
        return self.conv(x, total.to(self.conv.weight.dtype))


class Affine(nn.Module):
    """leaky_relu(x * scale + shift) by channels, [B, C, H, W] -> the same, in a precision.

    By a kernel on a GPU, which reads and writes once; of a network that is compiled the compiler
    makes better ones, which hold more.
    """

    def __init__(self, scale: Tensor, shift: Tensor, slope: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.slope, self.dtype = slope, dtype
        self.register_buffer("scale", scale.float())
        self.register_buffer("shift", shift.float())

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda and TRITON and not torch.compiler.is_compiling():
            from pfafn.fast.affine_kernel import affine

            return affine(x, self.scale, self.shift, self.slope, self.dtype)
        return defined(x, self.scale, self.shift, self.slope, self.dtype)


def defined(x: Tensor, scale: Tensor, shift: Tensor, slope: float, dtype: torch.dtype) -> Tensor:
    """The same in torch's own operators."""
    return F.leaky_relu(x * scale.view(-1, 1, 1) + shift.view(-1, 1, 1), slope).to(dtype)
