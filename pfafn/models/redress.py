"""The tutor at work: it dresses a person in any garment, from parsing and pose (paper 3.1)."""

import torch
from torch import Tensor

from pfafn.models.generator import composite
from pfafn.models.inputs import Annotation, Garment, Wearer
from pfafn.models.representation import arms_in_front, beside_clothes, represent
from pfafn.models.tryon import TryOnNet, Worn


@torch.no_grad()
def redress(
    tutor: TryOnNet,
    person: Tensor,
    annotation: Annotation,
    garment: Garment,
    wearer: Wearer | None = None,
    *,
    keep: int | None = None,
) -> Worn:
    """Put a garment on each person [B, 3, H, W] in [-1, 1]: the fake image (paper section 3.1).

    With a wearer of the garment, hands and arms that it leaves bare stay in front of it. Without,
    the garment hides them, as in the paper, and a student that never sees an arm in front of a
    fake's garment draws none at inference. With keep, what of the photo lies neither under its own
    clothes, nor as near to them as these pixels, nor under the garment is the photo's, to the bit
    (not in the paper): nobody draws a face as well as it is known.
    """
    told = represent(person, *annotation, hem=tutor.hem)
    warped = tutor.warp(told.condition, *garment)
    limbs = told.limbs * (1 - warped.mask)
    if wearer is None:
        worn = tutor.render(told.preserved, warped, limbs)
    else:
        front = arms_in_front(annotation.parsing, annotation.body_parts, *wearer).to(limbs)
        worn = tutor.render(told.preserved, warped, torch.maximum(limbs, told.limbs * front))
        # As in training, the garment may only show where it is worn.
        worn = worn._replace(mask=worn.mask * (1 - front))
    if keep is not None:
        known = beside_clothes(told.clothes_mask, keep)
        worn = worn._replace(behind=composite(worn.rendered, person, known), keep=known)
    return worn._replace(image=composite(worn.behind, warped.garment, worn.mask))
