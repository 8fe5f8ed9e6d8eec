"""Networks that learn, made quick from outside: leave this out, and they compute as they read."""

from torch import nn

from pfafn.fast.doubling import double_as_it_convolves
from pfafn.fast.flow import FastFlowNet
from pfafn.fast.precision import keep_exact
from pfafn.models.generator import Generator
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
