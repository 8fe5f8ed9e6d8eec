"""What the tutor learns (PB-AFN, paper section 3.1), in its warp stage and end to end."""

from pfafn.learning.collapse import warp_signs
from pfafn.learning.losses import Terms
from pfafn.learning.objective import Objective, rates
from pfafn.models.representation import represent
from pfafn.models.tryon import TryOnNet
from pfafn.models.vgg import VGG19
from pfafn.params.sections import Losses, TryOnStage, WarpStage
from pfafn.samples.sample import TutorSample
from pfafn.training.recipe import Recipe


def tutor_recipe(
    net: TryOnNet, losses: Losses, vgg: VGG19 | None, schedule: WarpStage | TryOnStage
) -> Recipe:
    """How a tutor is trained: its warp stage, or end to end if it has a generator."""
    weight = schedule.warp_weight if net.generator else 1.0
    return Recipe(TutorObjective(net, losses, vgg, weight), schedule, rates(net, schedule))


class TutorObjective(Objective):
    """PB-AFN: dress the photo's person in the garment it wears, from parsing and pose."""

    def forward(self, batch: TutorSample, late: bool = False) -> Terms:
        person, garment = batch.person, batch.garment
        told = represent(person, *batch.annotation, hem=self.net.hem)
        warped = self.net.warp(told.condition, *garment)
        warp, terms = self.warp_loss(warped, garment, person, told.clothes_mask)
        signs = warp_signs(warped, told.clothes_mask)
        if self.net.generator is None:
            return self.summed(warp, terms, {}) | signs
        limbs = told.limbs * (1 - told.clothes_mask)
        worn = self.net.render(told.preserved, warped, limbs)
        generator = self.generator_loss(worn, worn.behind, person, told.clothes_mask)
        return self.summed(warp, terms, generator) | signs
