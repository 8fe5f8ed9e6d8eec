"""Training in less memory: what a block computed is dropped, and computed again for its gradient.

For large pictures on a device that could not hold all of it. The same results, to the bit where the
device computes the same twice; about a third more time.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from pfafn.models.generator import Generator
from pfafn.models.vgg import VGG19
from pfafn.models.warp import Encoder, FlowHead


def recompute(net: nn.Module) -> None:
    """Make the large blocks of a network keep their inputs alone, in place."""
    for block in [block for module in net.modules() for block in blocks(module)]:
        block.forward = partial(twice, block, block.forward)


def blocks(module: nn.Module) -> list[nn.Module]:
    """What of a module is computed again as a whole."""
    if isinstance(module, Encoder):
        return list(module.levels)
    if isinstance(module, Generator):
        return [*module.downs, *module.ups]
    return [module] if isinstance(module, FlowHead | VGG19) else []


def twice(block: nn.Module, forward: Any, *given: Any) -> Any:
    """forward(*given); what it has to keep for the gradient is computed when that is wanted."""
    return checkpoint(
        forward, *given, use_reentrant=False, preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), seen_before(block)),
    )  # fmt: skip


@contextmanager
def seen_before(block: nn.Module) -> Iterator[None]:
    """Batch norms see a batch again: it counts once in their running statistics."""
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
