"""The hash of tensors: every bit, name, type and shape counts, the order of the names does not."""

import pytest
import torch
from torch import Tensor

from pfafn.weights.content import digest

WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7), "c": torch.zeros(0, 4)}


def flipped(tensor: Tensor) -> Tensor:
    """The same but for the lowest bit of the first byte."""
    raw = tensor.clone().view(torch.uint8)
    raw[0, 0] ^= 1
    return raw.view(tensor.dtype)


def test_equal_tensors_have_equal_hashes_in_any_order() -> None:
    again = {name: WEIGHTS[name].clone() for name in ("c", "a", "b")}
    assert digest(again, "x") == digest(WEIGHTS, "x")


@pytest.mark.parametrize(
    "change",
    [
        {"a": flipped(WEIGHTS["a"])},
        {"a": WEIGHTS["a"].reshape(3, 2)},
        {"a": WEIGHTS["a"].view(torch.int32)},
        {"b": torch.tensor(8)},
        {"c": torch.zeros(0, 5)},
        {"d": torch.zeros(1)},
    ],
)
def test_any_change_of_a_tensor_is_another_hash(change: dict[str, Tensor]) -> None:
    assert digest(WEIGHTS | change, "x") != digest(WEIGHTS, "x")


def test_names_that_change_places_are_another_hash() -> None:
    a, b = torch.zeros(2), torch.ones(2)
    assert digest({"a": a, "b": b}, "") != digest({"a": b, "b": a}, "")


def test_what_is_told_beside_them_counts() -> None:
    assert digest(WEIGHTS, "x") != digest(WEIGHTS, "y")


def test_half_precision_is_hashed_as_it_is() -> None:
    half = {"a": torch.ones(3, dtype=torch.bfloat16)}
    assert digest(half, "") != digest({"a": torch.ones(3, dtype=torch.float16)}, "")
