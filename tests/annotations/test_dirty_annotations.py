"""Keypoints, maps and arrays of any bytes: read rightly or refused with a reason, never a crash."""

import io
import json
from typing import Any

import numpy as np
import photoset
import pytest
from fuzz import READ, REFUSED, counted, damaged, examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from pfafn.annotations.keypoints import KeypointError, people, read_keypoints
from pfafn.annotations.parsing import ATR, IDENTITY, LIP, LIP_HD, ParsingError, canonical
from pfafn.data.findings import Problem
from pfafn.data.inspection import decode_body_parts
from pfafn.models.parts import Parsing
from pfafn.photos.images import ImageError, decode_ids, encode_png

H, W = SIZE = (24, 40)

numbers = st.one_of(st.floats(width=32), st.integers(), st.just(10**400))
scalars = st.one_of(st.none(), st.booleans(), st.text(max_size=4), numbers)
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner))
)
points = st.one_of(
    st.lists(st.floats(-50, 50), min_size=54, max_size=54),
    st.lists(numbers, min_size=75, max_size=75),
    st.lists(scalars, min_size=54, max_size=54),
    st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=18, max_size=18),
    values,
)
persons = st.dictionaries(st.sampled_from(["pose_keypoints", "pose_keypoints_2d", "x"]), points)
poses = st.one_of(
    values,
    st.fixed_dictionaries({"people": st.one_of(st.lists(persons, max_size=3), values)}),
    st.fixed_dictionaries({"keypoints": points}),
)


@counted
def points_or_refused(content: bytes, drawn_in: tuple[int, int] | None) -> str:
    """18 finite points in or near the picture, at least one of them there, or a KeypointError."""
    try:
        found = read_keypoints(content, SIZE, drawn_in)
    except KeypointError as error:
        assert str(error)
        return REFUSED
    assert (found.shape, found.dtype) == ((18, 3), np.float32)
    assert np.isfinite(found).all()
    assert found[:, :2].any()
    assert (found[:, 0] <= 1.1 * W).all()
    assert (found[:, 1] <= 1.1 * H).all()
    assert len(people(content)) >= 1
    return READ


@examples(250)
@given(pose=poses, drawn_in=st.sampled_from([None, (512, 384)]))
def test_any_json_is_keypoints_or_refused(pose: Any, drawn_in: tuple[int, int] | None) -> None:
    points_or_refused(json.dumps(pose).encode(), drawn_in)


@examples(100)
@given(content=st.one_of(st.binary(max_size=60), damaged(
    json.dumps(photoset.openpose(photoset.keypoints(SIZE))).encode()
)))  # fmt: skip
def test_any_bytes_are_keypoints_or_refused(content: bytes) -> None:
    points_or_refused(content, None)


@counted
def parsing_or_refused(ids: NDArray[np.uint8], table: Any) -> str:
    """Ids of this project, or a ParsingError that names those that no table knows."""
    strange = sorted(set(np.unique(ids).tolist()) - {int(entry) for entry in table})
    try:
        found = canonical(ids, table)
    except ParsingError as error:
        assert str(error).startswith(f"ids {strange} ")
        return REFUSED
    assert not strange
    assert set(np.unique(found).tolist()) <= {int(part) for part in Parsing}
    return READ


@pytest.mark.parametrize("table", [IDENTITY, LIP, LIP_HD, ATR], ids=["viton", "lip", "hd", "atr"])
@examples(60)
@given(data=st.data())
def test_a_parsing_map_of_another_palette_names_the_strange_ids(table: Any, data: Any) -> None:
    highest = data.draw(st.sampled_from([len(table) - 1, 255]))
    parsing_or_refused(
        data.draw(npst.arrays(np.uint8, SIZE, elements=st.integers(0, highest))), table
    )


def test_a_coloured_parsing_map_is_refused() -> None:
    colours = np.zeros((H, W, 3), np.uint8)
    colours[4:9, 5:30] = (254, 85, 0)
    with pytest.raises(ImageError, match="RGB colour picture"):
        decode_ids(encode_png(colours), "map.png")


@counted
def body_parts_or_refused(content: bytes) -> str:
    try:
        found = decode_body_parts(content, ".npy", SIZE)
    except Problem as problem:
        assert problem.value
        return REFUSED
    assert (found.shape, found.dtype) == (SIZE, np.uint8)
    assert found.max() <= 24
    return READ


kinds = st.one_of(npst.scalar_dtypes(), st.just(np.dtype([("a", "u1"), ("b", "f4")])))
shapes = st.one_of(st.just(SIZE), npst.array_shapes(min_dims=0, max_dims=3, max_side=4))


@examples(100)
@given(array=npst.arrays(kinds, shapes))
def test_any_array_is_body_parts_or_refused(array: Any) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    body_parts_or_refused(buffer.getvalue())


def array_file() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(SIZE))
    return buffer.getvalue()


@examples(200)
@given(content=st.one_of(damaged(array_file()), damaged(array_file()[:128]), st.binary()))
def test_any_bytes_are_body_parts_or_refused(content: bytes) -> None:
    body_parts_or_refused(content)


def test_a_damaged_archive_of_arrays_is_refused() -> None:
    with pytest.raises(Problem, match="not an array file"):
        decode_body_parts(b"PK\x03\x04" + bytes(80), ".npy", SIZE)


def test_objects_in_an_array_file_are_not_unpickled() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(Problem, match="not an array file"):
        decode_body_parts(buffer.getvalue(), ".npy", SIZE)
