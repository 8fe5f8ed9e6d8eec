"""A batch norm that becomes part of the convolution before it."""

import pytest
import torch
from torch import nn

from pfafn.fast.deploy import fold_norms


@pytest.mark.parametrize("variance", [0.0, 1e-6, 1.0])
def test_a_folded_norm_is_the_norm_also_where_hardly_anything_varies(variance: float) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    norm.running_var.fill_(variance)
    for values in (norm.weight.data, norm.bias.data, norm.running_mean):
        values.normal_()
    layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), norm).eval()
    x = torch.rand(2, 3, 5, 7)
    with torch.no_grad():
        expected = layers(x)
        fold_norms(layers)
        torch.testing.assert_close(layers(x), expected, rtol=1e-4, atol=1e-4)
    assert [type(layer) for layer in layers] == [nn.Conv2d]
