"""Fabrics by known answers: which places of the cloth have the second colour."""

from dataclasses import replace

import numpy as np
import pytest

from pfafn.studio.garment import FABRICS, MOTIFS, Garment, sample_garment
from pfafn.studio.pattern import lettering, motifs, woven


def garment(**changes: object) -> Garment:
    return replace(sample_garment(np.random.default_rng(1)), **changes)


X, Y = np.meshgrid(np.linspace(-0.93, 0.97, 12), np.linspace(0.03, 2.91, 17))


@pytest.mark.parametrize(
    ("kind", "along", "half"),
    [
        ("horizontal", (0.37, 0), (0, 0.35)),
        ("vertical", (0, 0.37), (0.35, 0)),
        ("diagonal", (0.37, -0.37), (0.35 / 0.8, 0)),
    ],
)
def test_stripes_run_one_way_and_alternate_across_it(kind: str, along: tuple, half: tuple):
    cloth = garment(fabric=f"{kind} stripes", period=0.7, phase=0.2)
    there = woven(cloth, X, Y)
    np.testing.assert_array_equal(woven(cloth, X + along[0], Y + along[1]), there)
    np.testing.assert_array_equal(woven(cloth, X + half[0], Y + half[1]), 1 - there)


def test_checks_are_stripes_both_ways():
    kinds = ("checks", "horizontal stripes", "vertical stripes")
    both, one, other = (woven(garment(fabric=kind, period=0.7), X, Y) for kind in kinds)
    np.testing.assert_array_equal(both, (one + other) / 2)
    assert set(np.unique(both)) == {0, 0.5, 1}


def test_dots_are_round_and_every_other_row_is_shifted_by_half():
    cloth = garment(fabric="dots", period=0.5, phase=0.0)
    fine = np.meshgrid(np.linspace(0, 4, 400), np.linspace(0, 4, 400))
    assert woven(cloth, *fine).mean() == pytest.approx(np.pi * 0.3**2, abs=0.005)
    np.testing.assert_array_equal(woven(cloth, X, Y), woven(cloth, X + 0.25, Y + 0.5))


def test_blocks_and_raglan_divide_the_garment():
    blocks = woven(garment(fabric="blocks", phase=0.4), X, Y)
    np.testing.assert_array_equal(blocks, Y > 1.2)
    raglan = woven(garment(fabric="raglan", neck_width=0.4), X, Y)
    np.testing.assert_array_equal(raglan, np.abs(X) > 0.4 + 0.45 * Y)
    assert not woven(garment(fabric="solid"), X, Y).any()


@pytest.mark.parametrize("motif", MOTIFS)
def test_a_print_is_one_motif_on_the_chest_or_a_lattice_of_them(motif: str):
    [one] = motifs(garment(fabric="print", motif=motif, lattice=False))
    shape = (one - (0, 1.25)) / 0.5
    assert np.abs(shape).max() <= 1.07
    cloth = garment(fabric="print", motif=motif, lattice=True, period=0.5, phase=0.2)
    many = motifs(cloth)
    step = 1.3 * 0.5
    places = np.array([(outline - 0.3 * step * shape).mean(0) for outline in many]).round(6)
    rows = np.unique(places[:, 1])
    np.testing.assert_allclose(np.diff(rows), step, atol=1e-5)
    assert 0.2 * step in rows.round(5)
    first, second = (np.sort(places[places[:, 1] == row, 0]) for row in rows[:2])
    np.testing.assert_allclose(np.diff(first), step, atol=1e-5)
    np.testing.assert_allclose(np.abs(second - first), step / 2, atol=1e-5)


def test_only_a_print_has_motifs_and_only_lettering_a_word():
    for fabric in FABRICS:
        cloth = garment(fabric=fabric)
        assert bool(motifs(cloth)) == (fabric == "print")
        assert bool(lettering(cloth)) == (fabric == "lettering")
