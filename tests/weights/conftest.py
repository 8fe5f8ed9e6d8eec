import pytest
import torch
from narrow import narrow

from pfafn.weights.official import export_official


@pytest.fixture
def checkpoints(tmp_path):
    """Official files of a narrow student: (warp, generator, the network)."""
    net = narrow()
    paths = tmp_path / "warp.pth", tmp_path / "gen.pth"
    for state, path in zip(export_official(net), paths, strict=True):
        torch.save(state, path)
    return *paths, net
