"""Adjustable knowledge distillation (paper section 3.3): the tutor guides where it is right.

Levels run coarse to fine, n = 0 .. 4.
"""

import torch
from torch import Tensor

from pfafn.kit.joint import joint_divisor
from pfafn.learning.losses import Terms
from pfafn.models.warp import Warped
from pfafn.params.sections import Distillation

FIRST_GUIDED_FLOW = 2  # the tutor guides the flows of the three finest levels only


def guidance(weight: Distillation, student: Warped, tutor: Warped, clothes: Tensor) -> Terms:
    """The weighted distillation loss and what a curve shows of it.

    clothes [B, 3, H, W]: the garment as it is worn. Coarse features and fine flows count most: of
    level n 5 - n and n + 1.
    """
    trust = trusted(tutor.garment, student.garment, clothes)
    if weight.mode == "fixed":
        trust = torch.ones_like(trust)
    features = feature_distillation(student.person, tutor.person, trust)
    flows = flow_distillation(student.alignment.grids, tutor.alignment.grids, trust)
    levels = len(features)
    coarse_first = torch.arange(levels, 0, -1, dtype=features.dtype, device=features.device)
    fine_first = coarse_first.flip(0)[FIRST_GUIDED_FLOW:]
    of_features = weight.features * (coarse_first * features).sum()
    of_flows = weight.flow * (fine_first * flows).sum()
    return {
        "distillation": of_features + of_flows,
        "distillation_features": of_features,
        "distillation_flow": of_flows,
        "distillation_trusted": trust.float().mean(),
    }


def trusted(tutor: Tensor, student: Tensor, clothes: Tensor) -> Tensor:
    """Adjustable factor (paper eq. 7): where the tutor's warp is nearer to the truth, bool [B].

    tutor, student, clothes [B, 3, H, W]: the garment warped by either, and worn. No gradient.
    """
    error = [(warped - clothes).detach().abs().mean(dim=(1, 2, 3)) for warped in (tutor, student)]
    return error[0] < error[1]


def mean_over_trusted(levels: list[Tensor], trust: Tensor) -> Tensor:
    """Mean of each level's values [B] over the samples with trust [B]: [levels].

    Exactly zero if none is trusted. It is a mean over the joint batch of all processes.
    """
    sums = [(values * trust).sum() for values in levels]
    return torch.stack(sums) / joint_divisor(trust.sum())


def feature_distillation(student: list[Tensor], tutor: list[Tensor], trust: Tensor) -> Tensor:
    """Squared distance of the person pyramids per level, over the trusted samples: [5] (eq. 5)."""
    pairs = zip(student, tutor, strict=True)
    distances = [(t.detach() - s).square().mean(dim=(1, 2, 3)) for s, t in pairs]
    return mean_over_trusted(distances, trust)


def flow_distillation(student: list[Tensor], tutor: list[Tensor], trust: Tensor) -> Tensor:
    """Distance of the grids per guided level, over the trusted samples: [3] (paper eq. 6)."""
    pairs = list(zip(student, tutor, strict=True))[FIRST_GUIDED_FLOW:]
    # x and y side by side in memory: a norm over planes would take twenty times as long.
    apart = [(t.detach() - s).movedim(1, -1).contiguous() for s, t in pairs]
    distances = [torch.linalg.vector_norm(d, dim=-1).mean(dim=(1, 2)) for d in apart]
    return mean_over_trusted(distances, trust)
