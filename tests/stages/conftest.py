import photoset
import prepared
import pytest


@pytest.fixture
def data(tmp_path):
    """A sound set of photos: four people to train on, three to test."""
    return photoset.viton(tmp_path / "data", size=prepared.SIZE)
