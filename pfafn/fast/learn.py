"""Networks that learn, made quick from outside: leave this out, and they compute as they read."""

from functools import partial

import torch
from torch import nn

from pfafn.fast.doubling import double_as_it_convolves
from pfafn.fast.flow import FastFlowNet
from pfafn.fast.precision import keep_exact
from pfafn.models.generator import Generator
from pfafn.models.vgg import VGG19
from pfafn.models.warp import WarpNet


def quicken(net: nn.Module) -> None:
    """Rewrite all try-on networks in a module for training, in place.

    Outputs and gradients stay the same but for rounding, weights and their names to the bit.
    """
    keep_exact(net)
    for module in list(net.modules()):
        if isinstance(module, WarpNet):
            module.flow = FastFlowNet(module.flow)
        elif isinstance(module, Generator):
            double_as_it_convolves(module.last)


def compile_parts(net: nn.Module, backend: str = "inductor") -> None:
    """Let torch.compile write the kernels of the large parts of a module, in place.

    On a GPU it makes one kernel of what lies between two convolutions. It does so at the first
    call, for one size of batches, and takes minutes; the same but for rounding. Parts: in whole
    objectives it would take the five sizes of the perceptual distance for different code.
    """
    compiled = partial(torch.compile, fullgraph=True, dynamic=False, backend=backend)
    for module in net.modules():
        if isinstance(module, WarpNet | Generator):
            module.forward = compiled(module.forward)
        elif isinstance(module, VGG19):
            module.distance = compiled(module.distance)
