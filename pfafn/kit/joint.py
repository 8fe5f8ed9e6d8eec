"""What is computed over the joint batch of all processes that train together.

Each process works on its share of the batch, all shares are of one size, and the gradients are
averaged over the processes. So a loss that is a mean over samples needs nothing from here; a
quotient of sums and batch norm do. In a process that trains alone everything here is as if it
were not there.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather(values: Tensor) -> Tensor:
    """values [...] of each process -> those of all, [processes, ...], the same in all; in order.

    All processes must call it, in the same order. Differentiable; the gradient is right for losses
    whose gradients are averaged over the processes.
    """
    return _Gather.apply(values) if processes() > 1 else values[None]


class _Gather(torch.autograd.Function):
    """torch's own differentiable gathering is deprecated, and what replaces it is private."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        found = values.new_empty(processes(), *values.shape)
        dist.all_gather(list(found), values.contiguous())
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[dist.get_rank()]


def joint_divisor(total: Tensor) -> Tensor:
    """max(1, sum of `total` over the processes), divided among them; no gradient.

    A process divides its own sum by it: the mean of these quotients over the processes is the
    quotient of the joint sums.
    """
    if processes() == 1:
        return total.clamp(min=1)
    return gather(total.detach().double()).mean(0).clamp(min=1 / processes())


def joint_terms(terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The scalars by name, averaged over the processes, without gradient."""
    plain = {name: value.detach() for name, value in terms.items()}
    if processes() == 1:
        return plain
    exact = plain["total"].dtype
    means = gather(torch.stack([value.to(exact) for value in plain.values()])).mean(0)
    return dict(zip(plain, means.unbind(), strict=True))


class JointBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with the statistics of the joint batch while it trains, [B, C, H, W] -> the same.

    For the CPU: torch's SyncBatchNorm computes on GPUs only.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or processes() == 1:
            return super().forward(x)
        exact = x.to(self.weight.dtype)  # autocast may have lowered it
        own = torch.var_mean(exact, dim=(0, 2, 3), correction=0)
        variances, means = gather(torch.stack(own)).unbind(1)  # [processes, C]
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        with torch.no_grad():
            if self.num_batches_tracked is not None:  # as it is while a block is computed again
                self.num_batches_tracked += 1
            count = x.numel() // x.shape[1] * processes()  # pixels of the joint batch
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        mean, scale, bias = (v.view(1, -1, 1, 1) for v in (mean, scale, self.bias))
        return ((exact - mean) * scale + bias).to(x.dtype)


def join_batch_norms(net: nn.Module, kind: str) -> None:
    """Give all batch norms below `net` the joint batch's statistics, in place.

    kind: of device, "cpu" or "cuda". Weights and the names of weights stay as they are.
    """
    if kind == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(net)
        return
    for module in net.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = JointBatchNorm2d  # it has no state beyond that of its parent
