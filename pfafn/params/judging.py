"""Sections for what is made of a trained network: fakes, scores, a champion."""

from pydantic import NonNegativeFloat, PositiveInt

from pfafn.params.section import Fraction, Section


class Fakes(Section):
    """Stage `fakes`."""

    per_person: PositiveInt
    batch: PositiveInt
    min_area: Fraction  # warped mask area / image area below which a fake is rejected
    arms_in_front: bool  # keep hands and arms that the garment leaves bare; paper: false
    min_agreement: Fraction  # least share of the warped garment that the fake really shows


class Evaluate(Section):
    """Stage `evaluate`."""

    batch: PositiveInt
    grid_rows: PositiveInt


class Register(Section):
    """Stage `register`: when a challenger becomes champion."""

    metric: str  # a column of the per-sample table, of the student
    margin: NonNegativeFloat
