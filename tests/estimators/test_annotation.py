"""Annotations by a parser's file: the known one or none, and the same numbers whoever computes."""

from pathlib import Path

import numpy as np
import photoset
import pyarrow as pa
import pytest
import tinyset
import torch

from pfafn.estimators import annotation
from pfafn.estimators.annotation import NoParser, Pictured, estimate, known_parser, known_people
from pfafn.estimators.parser import PhotoParser
from pfafn.kit.files import file_hash
from pfafn.models.parser import Parsed, Parser
from pfafn.photos.images import encode_png
from pfafn.weights import model_file
from pfafn.weights.content import ModelError

SIZE = H, W = (64, 96)
CARD = {"image": [H, W], "licence": "CC0", "trained_on": 3, "held_out": {}, "inputs": {}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A parser that has learnt nothing."""
    torch.manual_seed(0)
    path = tmp_path / "parser.safetensors"
    model_file.save(Parser(4), path, CARD)
    return path


def test_a_known_parser_tells_what_it_was_trained_on(file: Path) -> None:
    told = known_parser(file, file_hash(file)[:8])
    assert told == {
        "file": file.as_posix(), "sha256": file_hash(file), "licence": "CC0", "trained_on": 3,
        "held_out": {}, "inputs": {},
    }  # fmt: skip


def test_a_missing_or_another_file_is_named(file: Path) -> None:
    with pytest.raises(NoParser, match=r"no.st: there is no such file; `pfafn train-parser` makes"):
        known_parser(file.with_name("no.st"), "0" * 8)
    with pytest.raises(NoParser, match=r"parser.safetensors is not the file of annotate.sha256"):
        known_parser(file, "0" * 8)


def test_a_try_on_model_is_no_parser_and_a_parser_no_try_on_model(file: Path) -> None:
    with pytest.raises(ModelError, match="role is parser, expected tutor or student"):
        model_file.load(file)
    model_file.save(tinyset.TryOnNet("student", **tinyset.WIDTHS), file, {})
    with pytest.raises(ModelError, match="role is student, expected parser"):
        known_parser(file, file_hash(file))


def test_the_estimates_are_the_same_with_any_number_of_threads(file: Path, tmp_path: Path) -> None:
    photo = encode_png(photoset.person(0, (H, W)))
    tinyset.rows(tmp_path / "persons", {"image": pa.binary()}, [{"image": photo}])
    how = {"persons": tmp_path / "persons", "parser": file}
    threads = torch.get_num_threads()
    first = estimate(Pictured(0, "a", "upper"), **how)
    torch.set_num_threads(threads + 2)
    try:
        second = estimate(Pictured(0, "a", "upper"), **how)
        assert torch.get_num_threads() == threads + 2
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(64, 96), (128, 192), (100, 60), (30, 200)])
def test_a_photo_of_any_size_is_parsed_in_its_own_pixels(shape: tuple[int, int]) -> None:
    """Of a picture with white below black, a parser that knows the two gives the two halves."""
    net = Parser(4)
    net.forward = halves
    rgb = np.zeros((*shape, 3), np.uint8)
    rgb[shape[0] // 2 :] = 255
    seen = PhotoParser(net, SIZE).see(rgb)
    assert (seen.parsing.shape, seen.parsing.dtype) == (shape, np.uint8)
    scale = min(H / shape[0], W / shape[1])
    wrong = (seen.parsing == 4) != (rgb[..., 0] > 0)
    assert wrong.mean() <= 2 / min(shape[0], H)
    np.testing.assert_allclose(seen.keypoints[:, 1], shape[0] / 2, atol=4 / scale)


def test_a_joint_that_is_rather_not_to_be_seen_is_missing() -> None:
    def doubts(photo: torch.Tensor) -> Parsed:
        parsed = halves(photo)
        parsed.places[:, :9, -1] = 1.0  # likelier than the place in the middle
        return parsed

    net = Parser(4)
    net.forward = doubts
    seen = PhotoParser(net, SIZE).see(np.zeros((*SIZE, 3), np.uint8))
    assert not seen.keypoints[:9].any()
    assert seen.keypoints[9:].all()


def halves(photo: torch.Tensor) -> Parsed:
    """Class 4 where it is white, background elsewhere; the joints in the middle."""
    parsing = torch.zeros(1, 14, H, W)
    parsing[:, 4] = photo[:, 0]
    places = torch.full((1, 18, H // 4 * (W // 4) + 1), -50.0)
    places[..., H // 8 * (W // 4) + W // 8] = 0
    return Parsed(parsing, places)


def test_other_peoples_models_may_tell_the_keypoints(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Others:
        def pose(self, rgb: np.ndarray) -> np.ndarray:
            return photoset.keypoints(rgb.shape[:2])

    monkeypatch.setattr(annotation, "_people", lambda folder: Others())
    photo = encode_png(photoset.person(0, SIZE))
    tinyset.rows(tmp_path / "persons", {"image": pa.binary()}, [{"image": photo}])
    how = {"persons": tmp_path / "persons", "parser": file}
    alone, helped = (
        estimate(Pictured(0, "a", "upper"), **how, others=others) for others in (None, tmp_path)
    )
    np.testing.assert_array_equal(helped.keypoints, photoset.keypoints(SIZE))
    np.testing.assert_array_equal(helped.parsing, alone.parsing)
    assert (alone.keypoints != helped.keypoints).any()


def test_without_their_files_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_ESTIMATORS", str(tmp_path))
    with pytest.raises(NoParser, match="annotate.pose is others, .*`pfafn estimators fetch`"):
        known_people()
