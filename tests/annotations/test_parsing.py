from typing import get_args

import numpy as np
import pytest

from pfafn.annotations.parsing import (
    ATR,
    GROUPS,
    IDENTITY,
    LIP,
    LIP_HD,
    SCHEMES,
    Atr,
    Lip,
    ParsingError,
    canonical,
)
from pfafn.models.parts import Parsing
from pfafn.params.photos import Prepare

H, W = 3, 8
# VITON's own maps were made from LIP's like this (exact on its photos); all others are background.
LIP_TO_VITON = {2: 1, 5: 4, 6: 7, 8: 3, 9: 8, 10: 2, 13: 12, 14: 11, 15: 13, 16: 10, 17: 9,
                18: 6, 19: 5}  # fmt: skip


def ids(*values: int) -> np.ndarray:
    return np.resize(np.array(values, np.uint8), (H, W))


@pytest.mark.parametrize("source", Lip)
def test_lip_ids_become_vitons(source):
    assert (canonical(ids(source), LIP) == LIP_TO_VITON.get(int(source), 0)).all()


def test_vitons_own_ids_stay():
    np.testing.assert_array_equal(canonical(ids(*range(14)), IDENTITY), ids(*range(14)))


# DressCode's: hair, clothes (skirts and pants are lower ones), dress, shoes, face, legs, arms.
ATR_TO_VITON = {2: 1, 4: 4, 5: 8, 6: 8, 7: 7, 9: 6, 10: 5, 11: 12, 12: 10, 13: 9, 14: 11,
                15: 13}  # fmt: skip


@pytest.mark.parametrize("source", Atr)
def test_atr_ids_become_vitons_and_what_is_worn_besides_background(source):
    assert (canonical(ids(source), ATR) == ATR_TO_VITON.get(int(source), 0)).all()


def test_on_viton_hd_coats_and_skirts_are_clothes():
    coat, skirt = 7, 12
    expected = LIP_TO_VITON | {coat: Parsing.UPPER_CLOTHES, skirt: Parsing.LOWER_CLOTHES}
    assert {int(source): int(target) for source, target in LIP_HD.items() if target} == expected


@pytest.mark.parametrize("table", [IDENTITY, LIP, LIP_HD, ATR])
def test_every_class_of_a_source_has_a_target(table):
    assert sorted(table) == list(range(len(table)))


@pytest.mark.parametrize(("table", "strange"), [(IDENTITY, 14), (LIP, 20), (ATR, 99)])
def test_strange_ids_are_named(table, strange):
    with pytest.raises(ParsingError, match=rf"ids \[{strange}\]"):
        canonical(ids(0, strange), table)


def test_an_id_that_is_not_there_becomes_background_if_asked() -> None:
    ids = np.array([[4, 99, 255], [0, 12, 14]], np.uint8)
    assert canonical(ids, IDENTITY, strict=False).tolist() == [[4, 0, 0], [0, 12, 0]]


def test_the_13_groups_are_read_by_their_names() -> None:
    ids = np.arange(13, dtype=np.uint8)[None]
    assert canonical(ids, GROUPS).tolist() == [[0, 1, 12, 4, 8, 11, 13, 10, 9, 6, 5, 3, 0]]


def test_params_name_the_schemes_that_there_are() -> None:
    named = get_args(Prepare.model_fields["parsing"].annotation)
    assert named == ("auto", *SCHEMES)
