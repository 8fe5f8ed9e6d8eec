"""What the student learns (PF-AFN, paper section 3.2), in its warp stage and end to end."""

import torch
from torch import Tensor, nn

from pfafn.learning.collapse import tryon_sign, warp_signs
from pfafn.learning.distillation import guidance
from pfafn.learning.losses import Terms, misjudged, reconstruction, unchanged, unlike_skin
from pfafn.learning.objective import Objective, rates
from pfafn.models.generator import composite
from pfafn.models.representation import Represented, bare_skin, beside_clothes, represent
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.models.vgg import VGG19
from pfafn.models.warp import Warped
from pfafn.params.sections import Losses, StudentTryOnStage, StudentWarpStage
from pfafn.samples.sample import StudentSample
from pfafn.training.recipe import Recipe


def student_recipe(
    net: TryOnNet,
    tutor: TryOnNet,
    losses: Losses,
    vgg: VGG19 | None,
    schedule: StudentWarpStage | StudentTryOnStage,
    edge: int = 1,
) -> Recipe:
    """How a student is trained under a frozen tutor, and what it starts with of the tutor's.

    Its warp stage, or end to end if it has a generator. edge: as of the fakes.
    """
    if net.generator is None:
        shared = inherit_warp(net, tutor)
        objective = StudentObjective(net, tutor, losses, vgg)
        return Recipe(objective, schedule, rates(net, schedule), shared, schedule.frozen_epochs)
    if schedule.generator == "tutor":
        inherit_generator(net, tutor)
    beyond = {"keep": schedule.keep, "stays": schedule.stays, "tone": schedule.tone, "edge": edge}
    objective = StudentObjective(net, tutor, losses, vgg, schedule.warp_weight, **beyond)
    return Recipe(objective, schedule, rates(net, schedule))


class StudentObjective(Objective):
    """PF-AFN: undo the tutor's fake and restore the photo, under adjustable distillation."""

    def __init__(
        self,
        net: TryOnNet,
        tutor: TryOnNet,
        losses: Losses,
        vgg: VGG19 | None,
        warp_weight: float = 1.0,
        keep: float = 0.0,
        stays: float = 1.0,
        tone: float = 0.0,
        edge: int = 1,
    ) -> None:
        """keep, tone: weights of keeping too much or too little of the photo, of unlike skin.

        stays: how much too little counts. edge: pixels by which a parsing may miss clothes' edge.
        """
        super().__init__(net, losses, vgg, warp_weight)
        self.keep, self.stays, self.tone, self.edge = keep, stays, tone, edge
        self.tutor = tutor.eval().requires_grad_(False)

    def forward(self, batch: StudentSample, late: bool = False) -> Terms:
        person, garment, fake = batch.person, batch.garment, batch.fake
        told = represent(person, *batch.annotation, hem=self.tutor.hem)
        warped = self.net.warp(fake.image, *garment)
        warp, terms = self.warp_loss(warped, garment, person, told.clothes_mask)
        guided = self.guided(warped, batch, told)
        warp = warp + guided.get("distillation", 0)
        signs = warp_signs(warped, told.clothes_mask)
        if self.net.generator is None:
            return self.summed(warp, terms, guided) | signs
        worn = self.net.render(fake.image, warped)
        behind, kept = self.behind(worn, batch, told.clothes_mask)
        generator = self.generator_loss(worn, behind, person, told.clothes_mask)
        skin = self.skin(worn, batch, told.clothes_mask, late)
        added = sum((skin | kept).get(f"generator_{name}", 0) for name in ("skin", "tone", "keep"))
        generator["generator"] = generator["generator"] + added
        signs |= tryon_sign(worn.image, fake.image, person, told.clothes_mask)
        return self.summed(warp, terms, guided | generator | skin | kept) | signs

    def guided(self, warped: Warped, batch: StudentSample, told: Represented) -> Terms:
        """Guidance of the tutor, which is told the truth about the person and warps the same."""
        weight = self.losses.distillation
        if weight.mode == "none":
            return {}
        with torch.no_grad():
            tutor = self.tutor.warp(told.condition, *batch.garment)
        return guidance(weight, warped, tutor, batch.person * told.clothes_mask)

    def behind(self, worn: Worn, batch: StudentSample, clothes: Tensor) -> tuple[Tensor, Terms]:
        """What shows beside the garment, and what it costs to keep too much or too little."""
        if worn.keep is None:
            return worn.behind, {}
        # The garment that is tried on comes from its own picture, also if it is worn already.
        true = unchanged(batch.fake.image, batch.person) * beside_clothes(clothes, self.edge)
        # As the garment, in training the photo may only show where it should.
        behind = composite(worn.rendered, batch.fake.image, worn.keep * true)
        off = misjudged(worn.keep, true, worn.mask.detach(), self.stays)
        return behind, {"generator_keep": self.keep * off}

    def skin(self, worn: Worn, batch: StudentSample, clothes_mask: Tensor, late: bool) -> Terms:
        """Draw the skin that the fake's garment hid and the photo shows."""
        weight = self.losses.generator
        hidden = batch.fake.mask * (1 - clothes_mask)
        l1, vgg = reconstruction(worn.rendered * hidden, batch.person * hidden, self.vgg)
        total = (weight.skin_l1 * l1 + weight.skin_vgg * vgg) * (weight.skin_late if late else 1)
        terms = {"generator_skin": total, "generator_skin_l1": l1, "generator_skin_vgg": vgg}
        if worn.tone is None:
            return terms
        skin = bare_skin(batch.annotation.parsing, batch.annotation.body_parts).to(hidden)
        off = unlike_skin(worn.tone, batch.person, skin, hidden)
        return terms | {"generator_tone": self.tone * off}


def inherit_warp(student: TryOnNet, tutor: TryOnNet) -> tuple[nn.Module, ...]:
    """Copy what does not depend on the person input; return those parts of the student.

    Garment encoder, garment pyramid and correlation heads come from the tutor; person encoder,
    person pyramid and refinement heads stay fresh.
    """
    own, theirs = (
        (net.warp.garment_encoder, net.warp.garment_fpn, net.warp.flow.match)
        for net in (student, tutor)
    )
    for part, source in zip(own, theirs, strict=True):
        part.load_state_dict(source.state_dict())
    return own


def inherit_generator(student: TryOnNet, tutor: TryOnNet) -> None:
    """Start the student's generator from the tutor's, which already knows how to draw people.

    The student's inputs (photo, warped garment, its mask) lie where the tutor has the like (what is
    kept of the photo, warped garment, its mask); the tutor's last input, the limbs, is left out. A
    tutor does not say what to keep of the photo: there the student starts afresh.
    """
    weights = tutor.generator.state_dict()
    for name, own in student.generator.state_dict().items():
        if own.ndim == 4:
            theirs = weights[name][:, : own.shape[1]]
            weights[name] = torch.cat([theirs, own[len(theirs) :]])
    student.generator.load_state_dict(weights)
