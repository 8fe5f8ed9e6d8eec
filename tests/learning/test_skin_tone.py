"""How a student learns the tone of a person's skin, and where to draw it."""

import math

import pytest
import torch
from minimised import Told, batch, losses, objective
from tinytrain import H, W

from pfafn.learning.losses import unlike_skin
from pfafn.models.generator import Tone
from pfafn.models.parts import Parsing
from pfafn.samples.sample import StudentSample

SKIN = (slice(50, 60), slice(40, 80))  # rows, columns, beside the clothes


def bared() -> StudentSample:
    """Two people with one bare arm in one colour, of which the fake's garment hid a half."""
    given = batch()
    given.annotation.parsing[:, *SKIN] = Parsing.LEFT_ARM
    given.person[:, :, *SKIN] = torch.tensor([[0.5, 0.2, -0.1], [-0.2, -0.4, -0.6]])[
        ..., None, None
    ]
    given.fake.mask[:] = 0
    given.fake.mask[:, :, 50:, :60] = 1
    return given


def true_tone(given: StudentSample) -> Tone:
    share = torch.zeros(2, 1, H, W)
    share[:, :, *SKIN] = 1
    return Tone(given.person[:, :, SKIN[0].start, SKIN[1].start, None, None], share)


def cost(tone: Tone, given: StudentSample, weight: float = 1.0) -> float:
    student = objective("student", losses(), tone=weight)
    student.net.generator = Told(tone=tone)
    found = student(given)
    assert found["generator_tone"] == found["total"]
    return found["total"].item()


def test_the_persons_tone_where_a_garment_hid_her_skin_costs_nothing() -> None:
    given = bared()
    assert cost(true_tone(given), given) == pytest.approx(0, abs=1e-3)


def test_the_weight_multiplies_how_far_the_tone_is_off() -> None:
    given = bared()
    colour, share = true_tone(given)
    colour = colour + torch.tensor([0.3, 0.0])[:, None, None, None]  # the mean of both is 0.15
    assert cost(Tone(colour, share), given, 2) == pytest.approx(0.3, abs=1e-3)


def test_skin_and_what_else_was_hidden_count_alike_and_nothing_besides() -> None:
    given = bared()
    colour, true = true_tone(given)
    share = torch.full_like(true, 0.5)
    share[..., 60:, :60] = share[..., 50:60, :40] = 0.2  # hidden as well, but no skin
    share[:, :, :50] = 0.9  # was not hidden
    expected = -(math.log(0.5) + math.log(1 - 0.2)) / 2
    assert cost(Tone(colour, share), given) == pytest.approx(expected, rel=1e-3)


def test_of_people_whose_skin_is_not_seen_no_tone_is_asked() -> None:
    given, none = bared(), torch.zeros(2, 1, H, W)
    tone = Tone(torch.ones(2, 3, 1, 1), none)
    assert unlike_skin(tone, given.person, none, none).item() == 0
