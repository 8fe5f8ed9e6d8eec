"""The tutor at work: it dresses a person in any garment, from parsing and pose (paper 3.1)."""

import torch
from torch import Tensor

from pfafn.models.generator import composite
from pfafn.models.representation import Represented, arms_in_front, represent
from pfafn.models.tryon import TryOnNet, Worn

Batch = dict[str, Tensor]


def represented(batch: Batch) -> Represented:
    """The parser-based view of a batch."""
    return represent(
        *(batch[k] for k in ("person", "parsing", "body_parts", "keypoints", "category"))
    )


@torch.no_grad()
def redress(tutor: TryOnNet, batch: Batch) -> Worn:
    """The tutor puts `unpaired_garment` on the person: the fake image (paper section 3.1).

    If the batch tells the garment's wearer (wearer_parsing, wearer_body_parts), hands and arms that
    this garment leaves bare stay in front of it. Without, the garment hides them, as in the paper,
    and a student that never sees an arm in front of a fake's garment draws none at inference.
    """
    seen = represented(batch)
    warped = tutor.warp(seen.condition, batch["unpaired_garment"], batch["unpaired_mask"])
    limbs = seen.limbs * (1 - warped.mask)
    if "wearer_parsing" not in batch:
        return tutor.render(seen.preserved, warped, limbs)
    names = ("parsing", "body_parts", "wearer_parsing", "wearer_body_parts")
    front = arms_in_front(*(batch[name] for name in names)).to(limbs)
    worn = tutor.render(seen.preserved, warped, torch.maximum(limbs, seen.limbs * front))
    # As in training, the garment may only show where it is worn.
    mask = worn.mask * (1 - front)
    return worn._replace(mask=mask, image=composite(worn.rendered, warped.garment, mask))
