"""What is given for an official checkpoint and is none: called what it is, and never run."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from pfafn.weights.checkpoint import unwrapped
from pfafn.weights.model_file import ModelError
from pfafn.weights.official import import_official

REFUSED = r"warp.pth: holds \S+, and objects other than tensors may run code"


class Code:
    """Runs when unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("pwned"),)


def test_a_file_that_carries_code_is_refused_and_not_run(
    checkpoints, monkeypatch, tmp_path
) -> None:
    warp, gen, _ = checkpoints
    monkeypatch.chdir(tmp_path)
    warp.write_bytes(pickle.dumps(Code(), protocol=2))
    with pytest.raises(ModelError, match=REFUSED):
        import_official(warp, gen)
    torch.save({"key": Code()}, warp)
    with pytest.raises(ModelError, match=REFUSED):
        import_official(warp, gen)
    assert not Path("pwned").exists()


@pytest.mark.parametrize("kept", [0, 100, 0.5])
def test_a_truncated_file_is_named(checkpoints, kept: float) -> None:
    warp, gen, _ = checkpoints
    content = warp.read_bytes()
    warp.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(ModelError, match=r"warp.pth is (empty|cut off or damaged): fetch it again"):
        import_official(warp, gen)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html>quota exceeded", "a web page.* save the file"),
        (b"\n <HTML>", "a web page"),
        (b"\xef\xbb\xbf<!-- saved -->\n<html>", "a web page"),
        ("<!doctype html>\u00e9".encode("utf-16"), "a web page"),
        (b"\x1f\x8b\x08\x00" + bytes(range(99)), r"an archive \(gzip\): unpack it"),
        (b"warp.pth".ljust(257, b"\0") + b"ustar", r"an archive \(tar\): unpack it"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            "a Git LFS pointer.*git lfs pull",
        ),
        (b'{"error": "not found"}', """a text.*begins with '{"error": "not found"}'"""),
        (bytes(2000), "empty: fetch it again"),
    ],
)
def test_a_file_that_is_something_else_says_what(checkpoints, content: bytes, said: str) -> None:
    warp, gen, _ = checkpoints
    warp.write_bytes(content)
    with pytest.raises(ModelError, match=f"warp.pth is {said}"):
        import_official(warp, gen)


def test_a_zip_of_other_things_says_what_is_in_it(checkpoints) -> None:
    warp, gen, _ = checkpoints
    with zipfile.ZipFile(warp, "w") as archive:
        archive.writestr("PFAFN/warp.pth", b"x")
    with pytest.raises(ModelError, match=r"without a checkpoint in it, but PFAFN/warp.pth: unpack"):
        import_official(warp, gen)


def test_damage_that_torch_finds_is_told_without_its_advice(checkpoints) -> None:
    warp, gen, _ = checkpoints
    warp.write_bytes(bytes(range(128, 256)) * 9)
    with pytest.raises(ModelError, match=r"warp.pth: damaged, or no checkpoint") as told:
        import_official(warp, gen)
    assert "weights_only" not in str(told.value)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"epoch": 3}, torch.zeros(2)])
def test_a_file_that_is_no_state_dict_is_refused(checkpoints, content) -> None:
    warp, gen, _ = checkpoints
    torch.save(content, warp)
    with pytest.raises(ModelError, match=r"warp.pth: expected a state dict of tensors"):
        import_official(warp, gen)


def test_a_missing_file_is_named(checkpoints, tmp_path) -> None:
    with pytest.raises(ModelError, match=r"no checkpoint at .*nowhere.pth"):
        import_official(checkpoints[0], tmp_path / "nowhere.pth")


def test_a_folder_is_no_checkpoint(checkpoints, tmp_path) -> None:
    with pytest.raises(ModelError, match=f"no checkpoint at {tmp_path}$"):
        import_official(checkpoints[0], tmp_path)


def test_tensors_are_weights_beside_numbers_and_texts_and_beside_nothing_else() -> None:
    weights = {"a": torch.ones(2), "b": torch.zeros(3)}
    assert unwrapped(weights | {"epoch": 3, "name": "warp"}) == weights
    assert unwrapped(weights | {"history": [1.0, 0.5]}) is None
