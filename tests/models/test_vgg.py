"""VGG19 against itself, written out: which of its layers are looked at."""

import pytest
import torch
import torch.nn.functional as F

from pfafn.models.vgg import VGG19, HalvePool

BLOCKS = (2, 2, 4, 4, 1)  # convolutions up to relu5_1; a pooling between two blocks


def test_the_features_are_the_first_of_each_block_behind_its_relu() -> None:
    torch.manual_seed(0)
    vgg, image = VGG19().eval(), torch.rand(1, 3, 16, 32) * 2 - 1
    state = list(vgg.state_dict().values())
    layers = iter(list(zip(state[::2], state[1::2], strict=True)))
    expected, x = [], image
    for block, convolutions in enumerate(BLOCKS):
        x = F.max_pool2d(x, 2) if block else x
        for number in range(convolutions):
            x = F.conv2d(x, *next(layers), padding=1).relu()
            if number == 0:
                expected.append(x)
    assert next(layers, None) is None
    found = vgg(image)
    assert [f.shape[1] for f in found] == [64, 128, 256, 512, 512]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_its_layers_have_the_names_and_shapes_of_the_published_ones() -> None:
    widths = iter([3, 64, 64, 128, 128, *[256] * 4, *[512] * 5])
    before, expected = next(widths), {}
    for place in (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28):
        width = next(widths)
        expected[f"features.{place}.weight"] = [width, before, 3, 3]
        expected[f"features.{place}.bias"] = [width]
        before = width
    with torch.device("meta"):
        state = VGG19().state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == expected


def test_the_distance_weighs_coarse_features_most(monkeypatch: pytest.MonkeyPatch) -> None:
    vgg = VGG19()
    monkeypatch.setattr(vgg, "forward", lambda image: [image * 10**level for level in range(5)])
    near, far = torch.zeros(1, 3, 4, 6), torch.full((1, 3, 4, 6), -2.0)
    weighed = sum(2 * 10**level / weight for level, weight in enumerate((32, 16, 8, 4, 1)))
    assert vgg.distance(near, far).item() == pytest.approx(weighed)
    assert vgg.distance(far, far) == 0


def test_the_distance_teaches_the_image_and_not_the_target() -> None:
    image, target = torch.rand(2, 1, 3, 16, 32).requires_grad_().unbind()
    image.retain_grad()
    target.retain_grad()
    VGG19().distance(image, target).backward()
    assert image.grad is not None and image.grad.any()
    assert target.grad is None


@pytest.mark.parametrize(("size", "halved"), [((4, 6), (2, 3)), ((1, 6), (1, 3)), ((5, 1), (2, 1))])
def test_a_side_of_one_pixel_is_kept(size: tuple[int, int], halved: tuple[int, int]) -> None:
    assert HalvePool()(torch.rand(1, 2, *size)).shape[-2:] == halved
