"""Where the perceptual loss takes its VGG19 from."""

from pathlib import Path

import pytest
import torch

from pfafn.kit.files import file_hash
from pfafn.models.vgg import VGG19
from pfafn.weights import perceptual
from pfafn.weights.model_file import ModelError
from pfafn.weights.perceptual import NoPerceptualWeights, load_vgg


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision publishes it: with layers and a classifier that the loss ignores."""
    torch.manual_seed(0)
    state = VGG19().state_dict() | {"classifier.0.weight": torch.zeros(2)}
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(state, path)
    return path


def test_none_is_no_network() -> None:
    assert load_vgg("none") is None


def test_a_file_is_read_frozen_and_in_eval_mode(weights: Path) -> None:
    vgg = load_vgg(str(weights))
    torch.manual_seed(0)
    assert torch.equal(vgg.features[0].weight, VGG19().features[0].weight)
    assert not vgg.training
    assert not any(p.requires_grad for p in vgg.parameters())


def test_a_missing_file_says_what_may_stand_there() -> None:
    with pytest.raises(NoPerceptualWeights, match="expected none, imagenet or the path"):
        load_vgg("nowhere.pth")


def test_without_a_network_imagenet_says_where_to_put_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(perceptual, "CACHE", tmp_path / "vgg19.pth")
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(NoPerceptualWeights, match=rf"no route.* Put that file at {tmp_path}"):
        load_vgg("imagenet")


@pytest.fixture
def fetched(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, str]]:
    """What was asked of the network, which has the file as published."""
    asked = []

    def download(url: str, target: str, hash_prefix: str) -> None:
        asked.append((url, hash_prefix))
        Path(target).write_bytes(weights.read_bytes())

    monkeypatch.setattr(perceptual, "CACHE", tmp_path / ".work" / "vgg19.pth")
    monkeypatch.setattr(perceptual, "SHA256_PREFIX", file_hash(weights)[:8])
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    return asked


def test_imagenet_is_fetched_once_with_its_hash_checked(fetched: list[tuple[str, str]]) -> None:
    load_vgg("imagenet")
    load_vgg("imagenet")
    assert fetched == [(perceptual.URL, perceptual.SHA256_PREFIX)]


def test_imagenet_is_not_believed_if_a_bit_of_its_file_has_flipped(
    fetched: list[tuple[str, str]],
) -> None:
    load_vgg("imagenet")
    content = bytearray(perceptual.CACHE.read_bytes())
    content[len(content) // 2] ^= 1
    perceptual.CACHE.write_bytes(content)
    with pytest.raises(NoPerceptualWeights, match=r"vgg19\.pth is not the file of .* delete it"):
        load_vgg("imagenet")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match="features.0.weight is missing"):
        load_vgg(str(tmp_path / "other.pth"))


def test_a_file_is_used_only_if_it_is_the_one_that_params_name(weights: Path) -> None:
    assert load_vgg(str(weights), file_hash(weights)[:8])
    with pytest.raises(NoPerceptualWeights, match=rf"SHA-256 is {file_hash(weights)}, expected 0"):
        load_vgg(str(weights), "0" * 8)


def test_all_digits_that_params_give_must_fit(weights: Path) -> None:
    whole = file_hash(weights)
    other = whole[:-1] + ("1" if whole.endswith("0") else "0")
    assert load_vgg(str(weights), whole)
    with pytest.raises(NoPerceptualWeights, match=f"expected {other}"):
        load_vgg(str(weights), other)
