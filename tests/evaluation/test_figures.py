"""The picture grid and the training curves."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import photoset
import pytest
import tinyset
import torch
from importgraph import imported, modules

from pfafn.evaluation.compare import dress
from pfafn.evaluation.figures import (
    CAPTION,
    COLUMNS,
    GAP,
    HEADER,
    Gallery,
    curve_files,
    draw_curves,
)
from pfafn.photos.tensors import to_pixels


def evaluated(batch, made):
    return SimpleNamespace(protocol="unpaired", batch=batch, dressed=made, rows=[])


@pytest.mark.parametrize("known", [True, False])
def test_the_grid_has_a_row_per_person_and_a_column_for_what_is_known(
    networks, test_set, known, batch
):
    seen = evaluated(batch, dress(*networks, batch, "unpaired"))
    gallery = Gallery(2)
    image = torch.zeros(3, *tinyset.SIZE) if known else None
    for _ in range(2):  # the second batch finds it full
        gallery.add(seen, [image] * 3, ["a in g1", "b in g2", "c in g0"])
    found = photoset.cv2.imdecode(np.frombuffer(gallery.png(), np.uint8), 1)
    height, width = (2 * side for side in tinyset.SIZE)
    columns = len(COLUMNS) if known else len(COLUMNS) - 1
    assert found.shape[0] == HEADER + 2 * (height + CAPTION + GAP) + GAP
    assert found.shape[1] == columns * (width + GAP) + GAP


def test_a_row_shows_what_is_of_its_person_on_white(networks, test_set, batch):
    seen = evaluated(batch, dress(*networks, batch, "unpaired"))
    gallery = Gallery(8)
    black, white = (torch.full((3, *tinyset.SIZE), value) for value in (0.0, 1.0))
    gallery.add(seen, [black, None, white], ["a in g1", "b in g2", "c in g0"])
    assert gallery.captions == ["a in g1", "b in g2", "c in g0"]
    first, second, third = gallery.pictures
    assert not first["truth"].any() and "truth" not in second and (third["truth"] == 255).all()
    found = photoset.cv2.imdecode(np.frombuffer(gallery.png(), np.uint8), 1)
    assert found.shape[1] == len(COLUMNS) * (2 * tinyset.SIZE[1] + GAP) + GAP  # truth is known once
    student = seen.dressed["student"]
    for i, row in enumerate(gallery.pictures):
        assert np.array_equal(row["person"], to_pixels(batch.person)[i])
        for model in ("tutor", "student", "torso_box"):
            assert np.array_equal(row[model], to_pixels(seen.dressed[model].image)[i])
        for name, mask in (("garment", batch.unpaired.mask), ("warped", student.mask)):
            nowhere = (mask[i, 0] == 0).numpy()
            assert (row[name][nowhere] == 255).all() and not (row[name] == 255).all()


def test_curves_of_the_stages_that_have_one_are_drawn(tmp_path):
    curve = pd.DataFrame({"step": range(1, 41), "total": np.linspace(5, 1, 40)})
    curve.to_csv(tmp_path / "curve.csv", index=False)
    draw_curves({"tutor_warp": tmp_path / "curve.csv"}, tmp_path / "curves.png")
    drawn = (tmp_path / "curves.png").read_bytes()
    assert drawn.startswith(b"\x89PNG") and b"Software" not in drawn  # its version changes bytes


def test_only_stages_that_have_a_curve_are_drawn_in_the_order_they_run(tmp_path):
    for stage in ("student_tryon", "tutor_warp", "elsewhere"):
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "curve.csv").touch()
    assert list(curve_files(tmp_path)) == ["tutor_warp", "student_tryon"]


def test_no_drawing_retunes_the_process_which_pyplot_does():
    retuning = {"matplotlib", "matplotlib.pyplot"}
    assert [module for module in modules("pfafn") if imported(module) & retuning] == []
