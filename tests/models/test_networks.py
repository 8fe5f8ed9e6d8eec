"""The networks' shapes, sizes and files."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from pfafn.models.generator import composite, mean_colour
from pfafn.models.tryon import TryOnNet
from pfafn.models.vgg import VGG19, HalvePool
from pfafn.weights import model_file
from pfafn.weights.model_file import ModelError

TINY = {"channels": [4, 4, 8, 8, 8], "fpn": 8, "generator": 4}


def tiny(role: str = "student") -> TryOnNet:
    torch.manual_seed(0)
    return TryOnNet(role, **TINY)


@pytest.mark.parametrize(
    ("role", "warp", "generator"),
    [("student", 29_304_416, 43_899_968), ("tutor", 29_328_692, 43_900_544)],
)
def test_published_widths_give_the_published_parameter_counts(
    role: str, warp: int, generator: int
) -> None:
    with torch.device("meta"):
        net = TryOnNet(role, [64, 128, 256, 256, 256], 256, 64)
    assert sum(p.numel() for p in net.warp.parameters()) == warp
    assert sum(p.numel() for p in net.generator.parameters()) == generator


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (64, 128)])
def test_any_multiple_of_32_goes_in_and_comes_out(size: tuple[int, int]) -> None:
    person, garment = torch.rand(2, 1, 3, *size) * 2 - 1
    worn = tiny().eval().wear(person, garment, torch.ones(1, 1, *size))
    assert worn.image.shape == (1, 3, *size)
    assert [g.shape[-2:] for g in worn.warped.alignment.grids] == [
        tuple(s // 2**n for s in size) for n in (4, 3, 2, 1, 0)
    ]


def test_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 32, got 48x64"):
        tiny().warp.encode_person(torch.zeros(1, 3, 48, 64))


def test_no_garment_mask_means_no_garment_in_the_try_on() -> None:
    person, garment = torch.rand(2, 1, 3, 64, 96) * 2 - 1
    worn = tiny().eval().wear(person, garment, torch.zeros(1, 1, 64, 96))
    torch.testing.assert_close(worn.image, worn.rendered)


def test_the_composition_mask_chooses_between_garment_and_drawing() -> None:
    drawn, garment = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    half = torch.full((1, 1, 2, 2), 0.25)
    torch.testing.assert_close(composite(drawn, garment, half), torch.full((1, 3, 2, 2), 0.25))


def test_a_student_that_keeps_shows_the_photo_beside_the_garment_where_it_says_so() -> None:
    torch.manual_seed(0)
    net = TryOnNet("student", **TINY, keep=True).eval()
    person, garment = torch.rand(2, 1, 3, 64, 96) * 2 - 1
    worn = net.wear(person, garment, torch.ones(1, 1, 64, 96))
    keep, mask = worn.keep, worn.mask
    assert 0 < keep.min() < keep.max() < 1
    beside = keep * person + (1 - keep) * worn.rendered
    torch.testing.assert_close(worn.image, mask * worn.warped.garment + (1 - mask) * beside)


def test_skin_is_drawn_in_a_mean_colour_of_the_photos_own_pixels() -> None:
    torch.manual_seed(0)
    net = TryOnNet("student", **TINY, tone=True).eval()
    person, garment = torch.rand(2, 1, 3, 64, 96) * 2 - 1
    colour, share = net.wear(person, garment, torch.ones(1, 1, 64, 96)).tone
    assert (person.amin(dim=(2, 3)) < colour[..., 0, 0]).all()
    assert (colour[..., 0, 0] < person.amax(dim=(2, 3))).all()
    assert 0 < share.min() < share.max() < 1


def test_the_tone_is_above_the_rest_of_the_drawing() -> None:
    plain, toned = (TryOnNet("student", **TINY, tone=tone).eval().generator for tone in (0, 1))
    toned.load_state_dict(toned.state_dict() | {
        name: torch.cat([w, toned.state_dict()[name][len(w) :]]) if w.ndim == 4 else w
        for name, w in plain.state_dict().items()
    })  # fmt: skip
    seen = torch.rand(1, 7, 64, 96)
    colour, share = toned(seen).tone
    expected = share * colour + (1 - share) * plain(seen).image
    torch.testing.assert_close(toned(seen).image, expected)


def test_nothing_is_kept_where_skin_is_bared_but_by_networks_of_earlier_files() -> None:
    earlier, now = (
        TryOnNet("student", **TINY, keep=True, tone=True, tone_above=above).eval().generator
        for above in (False, True)
    )
    now.load_state_dict(earlier.state_dict())
    before, after = earlier(seen := torch.rand(1, 7, 64, 96)), now(seen)
    torch.testing.assert_close(after.keep, before.keep * (1 - before.tone.share))
    for name in ("image", "mask"):
        torch.testing.assert_close(getattr(after, name), getattr(before, name), atol=0, rtol=0)


def test_the_mean_colour_is_that_of_the_pixels_that_weigh() -> None:
    photo, logits = torch.rand(2, 3, 4, 6), torch.full((2, 1, 4, 6), -100.0)
    logits[0, 0, 1, 2] = logits[1, 0, 3, 4:] = 0
    found = mean_colour(photo, logits)
    torch.testing.assert_close(found[0, :, 0, 0], photo[0, :, 1, 2])
    torch.testing.assert_close(found[1, :, 0, 0], photo[1, :, 3, 4:].mean(dim=1))


def test_keeping_and_skin_are_no_part_of_the_published_network() -> None:
    assert tiny().architecture.keys() == {"role", "channels", "fpn", "generator"}
    worn = tiny().wear(*torch.zeros(2, 1, 3, 64, 64), torch.zeros(1, 1, 64, 64))
    assert (worn.keep, worn.tone) == (None, None)


def test_a_tutor_cannot_dress_without_parsing() -> None:
    with pytest.raises(ValueError, match="needs parsing and pose"):
        tiny("tutor").wear(*torch.zeros(2, 1, 3, 64, 64), torch.zeros(1, 1, 64, 64))


def test_pooling_keeps_an_axis_of_one() -> None:
    assert HalvePool()(torch.zeros(1, 1, 1, 5)).shape == (1, 1, 1, 2)


def test_perceptual_distance_is_zero_only_to_itself() -> None:
    torch.manual_seed(0)
    vgg, image = VGG19().eval(), torch.rand(1, 3, 32, 48)
    assert vgg.distance(image, image).item() == 0
    assert vgg.distance(image, 1 - image).item() > 0


def test_a_model_file_gives_back_weights_and_card(tmp_path: Path) -> None:
    net = tiny()
    model_file.save(net, tmp_path / "m.safetensors", {"image": [64, 96]})
    loaded, card = model_file.load(tmp_path / "m.safetensors")
    assert card["image"] == [64, 96]
    assert card["role"] == "student"
    for name, value in net.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_a_loaded_model_is_its_own_and_drawing_its_first_weights_is_spared(tmp_path: Path) -> None:
    model_file.save(tiny(), tmp_path / "m", {})
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    loaded, _ = model_file.load(tmp_path / "m")
    assert torch.rand(1) == expected
    (tmp_path / "m").write_bytes(b"")
    for name, value in tiny().state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name
    assert all(p.requires_grad and not p.is_meta for p in loaded.parameters())


@pytest.mark.parametrize(("beyond", "outputs"), [("keep", 5), ("tone", 6), ("tone_above", 4)])
def test_what_a_model_says_beyond_the_paper_is_written_into_its_file(
    beyond: str, outputs: int, tmp_path: Path
) -> None:
    model_file.save(TryOnNet("student", **TINY, **{beyond: True}), tmp_path / "m", {})
    loaded, card = model_file.load(tmp_path / "m")
    assert card[beyond] is loaded.architecture[beyond] is True
    assert loaded.generator.last[-1].out_channels == outputs


def test_equal_models_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        model_file.save(tiny(), tmp_path / name, {"z": 1, "a": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_model_of_another_width_is_refused_with_both_values(tmp_path: Path) -> None:
    model_file.save(tiny(), tmp_path / "m", {})
    with pytest.raises(ModelError, match=r"m: fpn is 8, expected 16"):
        model_file.load(tmp_path / "m", architecture={"fpn": 16})


def test_a_tutor_is_no_student(tmp_path: Path) -> None:
    model_file.save(tiny("tutor"), tmp_path / "m", {})
    with pytest.raises(ModelError, match="role is tutor, expected student"):
        model_file.load(tmp_path / "m", role="student")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "m is empty: fetch it again"),
        (b" \n" * 9, "m is empty"),
        (b"not a model", "m is a text, not the file itself; it begins with 'not a model'"),
        (b"\x10\0\0\0\0\0\0\0{}", "not a readable safetensors file"),
    ],
)
def test_what_is_no_model_is_said_to_be_none(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ModelError, match=told):
        model_file.load(tmp_path / "m")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_one_flipped_bit_anywhere_in_a_model_file_is_noticed(share: float, tmp_path: Path) -> None:
    model_file.save(tiny(), tmp_path / "m", {"image": [64, 96]})
    content = bytearray((tmp_path / "m").read_bytes())
    content[int(share * len(content))] ^= 4
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ModelError, match=r"m is damaged|m: not a readable safetensors file"):
        model_file.load(tmp_path / "m")


def test_damaged_weights_are_told_with_both_hashes_and_what_to_do(tmp_path: Path) -> None:
    model_file.save(tiny(), tmp_path / "m", {})
    content = bytearray((tmp_path / "m").read_bytes())
    content[-1] ^= 1
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ModelError, match=r"SHA-256 \w{12}\.\.\., expected .* `dvc checkout"):
        model_file.load(tmp_path / "m")


@pytest.mark.parametrize("change", [{"image": [96, 64]}, {"fpn": 16}, {"geometry": "another"}])
def test_a_card_that_was_changed_is_noticed(change: dict[str, object], tmp_path: Path) -> None:
    model_file.save(tiny(), tmp_path / "m", {"image": [64, 96]})
    rewrite(tmp_path / "m", model_file.read_card(tmp_path / "m") | change)
    with pytest.raises(ModelError, match="m is damaged"):
        model_file.load(tmp_path / "m")


def test_a_model_without_a_hash_is_not_believed(tmp_path: Path) -> None:
    model_file.save(tiny(), tmp_path / "m", {})
    card = model_file.read_card(tmp_path / "m")
    del card["sha256"]
    rewrite(tmp_path / "m", card)
    with pytest.raises(ModelError, match="m: its card has no sha256"):
        model_file.load(tmp_path / "m")


def rewrite(path: Path, card: dict[str, object]) -> None:
    """Give a model file another card."""
    header = {"card": json.dumps(card, sort_keys=True)}
    safetensors.torch.save_file(model_file.read_weights(path), path, header)


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model at"):
        model_file.load(tmp_path / "m")


def test_the_perceptual_distance_is_weighted_l1_of_the_features_and_teaches_no_target() -> None:
    torch.manual_seed(0)
    vgg = VGG19().eval()
    image, target = torch.rand(2, 1, 3, 32, 48, requires_grad=True)
    weights = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)
    pairs = zip(vgg(image), vgg(target), weights, strict=True)
    expected = sum(weight * (a - b).abs().mean() for a, b, weight in pairs)
    image, target = (x.detach().requires_grad_() for x in (image, target))
    distance = vgg.distance(image, target)
    torch.testing.assert_close(distance, expected)
    distance.backward()
    assert image.grad.abs().max() > 0
    assert target.grad is None
