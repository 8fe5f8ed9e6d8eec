"""Muon (Jordan et al., 2024): steps as large in every direction that a weight knows.

A convolution's gradient, as the matrix of what each output takes of its inputs, mostly has few
directions that are much larger than the rest. Muon makes all singular values of its momentum about
one, so that a step also changes what is rarely asked for. torch.optim.Muon takes neither weights
of four dimensions, nor a rate that is a tensor, nor heeds `found_inf`.
"""

from collections import defaultdict

import torch
from torch import Tensor, nn

from pfafn.fast.precision import exact_layers
from pfafn.models.generator import Generator
from pfafn.models.warp import WarpNet

MOMENTUM = 0.95
STEPS = 5
QUINTIC = 3.4445, -4.7750, 2.0315  # of the authors: takes singular values to between 0.7 and 1.2
COLOURS = 3


class Muon(torch.optim.Adam):
    """Adam, and Muon for the parameter groups with `orthogonal`; their parameters are matrices.

    Of more dimensions, all but the first are one. As a fused Adam it waits for no GPU, reads a rate
    that is a tensor anew in each step, and changes nothing where `found_inf` is not zero.
    """

    def __init__(self, groups: list[dict], **adam: object) -> None:
        super().__init__([{"orthogonal": False} | group for group in groups], **adam)

    def __setstate__(self, state: dict) -> None:
        torch.optim.Optimizer.__setstate__(self, state)  # Adam's looks for its own state in all

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group["orthogonal"]]
        try:
            super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            if group["orthogonal"]:
                self.step_orthogonal(group)

    def step_orthogonal(self, group: dict) -> None:
        """Weights of the same shape together."""
        alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for weight in group["params"]:
            if weight.grad is not None:
                alike[weight.shape].append(weight)
        for shape, weights in alike.items():
            moments = [self.moment(weight) for weight in weights]
            before = torch.stack(moments)
            gradient = torch.stack([weight.grad for weight in weights])
            moment = MOMENTUM * before + gradient
            ahead = gradient + MOMENTUM * moment  # Nesterov's
            change = orthogonal(ahead.flatten(2))
            outputs, inputs = change.shape[1:]
            change = group["lr"] * (max(1, outputs / inputs) ** 0.5 * change)
            found_inf = getattr(self, "found_inf", None)
            if found_inf is not None:
                moment = torch.where(found_inf == 0, moment, before)
                change = torch.where(found_inf == 0, change, 0)
            torch._foreach_copy_(moments, list(moment))
            torch._foreach_sub_(weights, list(change.view(-1, *shape)))

    def moment(self, weight: Tensor) -> Tensor:
        """The sum of a weight's gradients, fading."""
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        return state["momentum"]


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices [N, O, I] with their singular vectors, but all singular values about one.

    Newton and Schulz's iteration, on the smaller of the two Gram matrices. Zeros stay zeros.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT).mT
    matrices = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    gram = matrices @ matrices.mT
    whole = factor = quintic(gram)
    for _ in range(STEPS - 1):
        gram = factor @ gram @ factor
        factor = quintic(gram)
        whole = factor @ whole
    return whole @ matrices


def quintic(gram: Tensor) -> Tensor:
    """What a step multiplies matrices of these Gram matrices [N, O, O] with."""
    a, b, c = QUINTIC
    one = torch.eye(gram.shape[1], device=gram.device, dtype=gram.dtype)
    return torch.baddbmm(gram, gram, gram, beta=b, alpha=c) + a * one


def mixing(net: nn.Module) -> set[Tensor]:
    """The weights that Muon is for: of a try-on network's convolutions, but the first and last.

    Those read colours, or say colours and flows: the size of their steps has a meaning.
    """
    said = set(exact_layers(net))
    parts = [part for part in net.modules() if isinstance(part, WarpNet | Generator)]
    read = {part.downs[0][0] for part in parts if isinstance(part, Generator)}
    return {
        layer.weight
        for part in parts
        for layer in part.modules()
        if isinstance(layer, nn.Conv2d) and layer.in_channels != COLOURS
        and layer not in said | read
    }  # fmt: skip


def grouped(net: nn.Module, groups: list[dict], muon: float) -> list[dict]:
    """Parameter groups of a network, each with those weights apart, at `muon` times its rate.

    0: as they are, Adam alone.
    """
    apart = mixing(net) if muon else set()
    if not apart:
        return groups
    made = []
    for group in groups:
        for mixes in (False, True):
            those = [p for p in group["params"] if (p in apart) == mixes]
            rate = group["lr"] * (muon if mixes else 1)
            made.append({"params": those, "lr": rate, "initial_lr": rate, "orthogonal": mixes})
    return made
