"""Resume points: all that the next step depends on, never half written, never believed blindly."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tinytrain import schedule, stop_after, train, tutor_objective, weights
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pfafn.kit.signals import Stopped
from pfafn.learning.tutor import TutorObjective
from pfafn.models.inputs import Garment
from pfafn.samples.loading import LoaderLost
from pfafn.samples.sample import StudentSample, TutorSample
from pfafn.training import resume
from pfafn.training.resume import FILE, PREVIOUS, Damaged, ResumePoint
from pfafn.training.saver import Saver


class Noisy(TutorObjective):
    """Draws noise from torch's own generator in each step, as dropout would."""

    def forward(self, batch: TutorSample, late: bool = False) -> dict[str, Tensor]:
        image, mask = batch.garment
        noisy = Garment(image + 0.1 * torch.randn(image.shape), mask)
        return super().forward(batch._replace(garment=noisy), late)


def noisy() -> Noisy:
    whole = tutor_objective()
    return Noisy(whole.net, whole.losses, None)


def stopped(monkeypatch: pytest.MonkeyPatch, work: Path, step: int) -> Path:
    """A training that was told to stop in this step; its folder."""
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(patch, step)
        train(noisy(), schedule(), work)
    return work


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """Weights of the training that nobody stopped."""
    objective = noisy()
    train(objective, schedule(), tmp_path_factory.mktemp("straight"))
    return weights(objective)


def assert_ends_as(expected: dict[str, Tensor], work: Path) -> None:
    resumed = noisy()
    train(resumed, schedule(), work)
    for name, value in weights(resumed).items():
        assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize("step", [1, 4])
def test_a_network_that_draws_random_numbers_resumes_exactly(
    step: int, tmp_path: Path, straight: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = stopped(monkeypatch, tmp_path / "work", step)
    torch.manual_seed(12345)  # a new process has other numbers
    assert_ends_as(straight, work)


def test_a_gpus_random_numbers_go_on_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Tensor] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: torch.tensor([7]))
    monkeypatch.setattr(torch.cuda, "set_rng_state", told.append)
    layer = nn.Linear(3, 2)
    adam = torch.optim.Adam(layer.parameters())
    resume.Saved(ResumePoint(1, {}, 0.0), resume.state(layer, adam)).restore(layer, adam)
    assert [state.tolist() for state in told] == [[7]]


def spoil_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [spoil_middle, cut, lambda path: path.write_bytes(b"")])
def test_a_damaged_point_is_set_aside_for_the_one_before_it(
    harm: object,
    tmp_path: Path,
    straight: dict[str, Tensor],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PFAFN_CHECKPOINT_STEPS", "1")
    work = stopped(monkeypatch, tmp_path / "work", 3)
    harm(work / FILE)
    assert resume.read(work).point.step == 2
    assert f"set aside as {FILE}.damaged" in capsys.readouterr().err
    assert_ends_as(straight, work)


def test_without_a_sound_point_the_training_begins_anew_and_ends_the_same(
    tmp_path: Path, straight: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFAFN_CHECKPOINT_STEPS", "1")
    work = stopped(monkeypatch, tmp_path / "work", 3)
    for name in (FILE, PREVIOUS):
        spoil_middle(work / name)
    assert_ends_as(straight, work)


def saved(folder: Path, step: int) -> None:
    tensors = {"net.a": torch.full((1000,), float(step)), "rng.cpu": torch.get_rng_state()}
    resume.save(folder, tensors, ResumePoint(step, {}, 1.0))


def test_dying_while_writing_leaves_the_last_point_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, 1)
    before = (tmp_path / FILE).read_bytes()

    def half(tensors: dict[str, Tensor], path: Path, header: dict[str, str]) -> None:
        Path(path).write_bytes(safetensors.torch.save(tensors, header)[:2000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", half)
    with pytest.raises(OSError, match="No space left"):
        saved(tmp_path, 2)
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_dying_between_the_two_renames_leaves_a_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, 1)
    saved(tmp_path, 2)
    (tmp_path / FILE).replace(tmp_path / PREVIOUS)
    assert resume.read(tmp_path).point.step == 2


def test_two_points_are_kept_however_many_are_written(tmp_path: Path) -> None:
    for step in range(1, 5):
        saved(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, PREVIOUS]
    steps = [resume.read_file(tmp_path / name).point.step for name in (FILE, PREVIOUS)]
    assert steps == [4, 3]


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04pickle", bytes(100)])
def test_what_is_no_resume_point_is_not_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(Damaged, match=FILE):
        resume.read_file(tmp_path / FILE)


def test_what_fails_while_writing_is_told_by_the_next_call(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("a file where the folder should be")
    with pytest.raises(FileExistsError), Saver(tmp_path / "work") as saver:
        saver.save({"net.a": torch.zeros(1)}, ResumePoint(1, {}, 0.0))
        saver.wait()


def test_what_fails_while_the_last_point_is_written_is_told_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("a file where the folder should be")
    with pytest.raises(FileExistsError), Saver(tmp_path / "work") as saver:
        saver.save({"net.a": torch.zeros(1)}, ResumePoint(1, {}, 0.0))


def test_a_point_is_what_the_training_was_when_it_was_taken(tmp_path: Path) -> None:
    weights = torch.zeros(1000).reshape(1, 10, 10, 10).to(memory_format=torch.channels_last)
    with Saver(tmp_path) as saver:
        for step in range(1, 4):
            weights.fill_(step)
            saver.save({"net.a": weights}, ResumePoint(step, {}, 0.0))
            weights.fill_(-1)  # the next step
    for name, step in ((FILE, 3), (PREVIOUS, 2)):
        assert (resume.read_file(tmp_path / name).tensors["net.a"] == step).all()


def test_the_memory_of_a_copy_is_used_again_where_it_fits() -> None:
    live = {"a": torch.ones(2, 3), "b": torch.ones(2), "c": torch.ones(2)}
    first = resume.copied(live, {})
    places = {name: copy.data_ptr() for name, copy in first.items()}
    changed = {"a": torch.full((2, 3), 2.0), "b": torch.ones(5), "c": torch.ones(2).double()}
    second = resume.copied(changed, first)
    assert second["a"].data_ptr() == places["a"] != changed["a"].data_ptr()
    assert all(torch.equal(second[name], changed[name]) for name in changed)
    assert all(second[name].dtype == changed[name].dtype for name in changed)
    assert resume.copied({"a": live["a"]}, second).keys() == {"a"}


def test_robbed_of_its_loader_a_training_keeps_its_last_whole_step(
    tmp_path: Path, straight: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def robbed(loader: DataLoader) -> Iterator[StudentSample]:
        yield from islice(loader, 3)
        raise LoaderLost("loader process 7 was killed")

    with monkeypatch.context() as patch, pytest.raises(LoaderLost):
        patch.setattr("pfafn.training.loop.read", robbed)
        train(noisy(), schedule(), tmp_path)
    assert resume.read(tmp_path).point.step == 3
    assert_ends_as(straight, tmp_path)
