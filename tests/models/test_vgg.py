"""VGG19 against itself, written out: which of its layers are looked at."""

import torch
import torch.nn.functional as F

from pfafn.models.vgg import VGG19

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
