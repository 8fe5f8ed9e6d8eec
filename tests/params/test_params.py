"""params.yaml: everything is checked before any work."""

import pickle
from pathlib import Path

import pytest
import yaml

from pfafn.params.file import Params
from pfafn.params.section import ParamsError, Section, UndeclaredParam

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "params.yaml", *sorted((ROOT / "profiles").glob("*.yaml"))]


def changed(tmp_path: Path, **sections: dict) -> Path:
    """params.yaml with some keys of some sections replaced."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name, keys in sections.items():
        content[name] = {**content[name], **keys}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_profile_of_the_project_is_valid(path: Path) -> None:
    Params.load(path)


def test_the_paper_profile_has_the_published_schedule() -> None:
    params = Params.load(ROOT / "profiles" / "paper.yaml")
    stages = (params.tutor_warp, params.tutor_tryon, params.student_warp, params.student_tryon)
    assert [(s.epochs, s.decay, s.batch) for s in stages] == [
        (50, 50, 32), (50, 50, 32), (100, 100, 32), (50, 50, 32)
    ]  # fmt: skip
    assert (params.tutor_warp.lr, params.student_warp.lr) == (5e-5, 3e-5)


@pytest.mark.parametrize(
    ("section", "keys", "message"),
    [
        ("image", {"height": 100}, r"image.*100.*multiple of 32.*96, 128"),
        ("image", {"width": 90}, r"image.*multiple of 32.*64, 96"),
        ("image", {"width": 80}, r"image.*80.*multiple of 32.*64, 96"),
        ("image", {"colour": 3}, r"image.colour = 3: no such key; there are height, width$"),
        ("image", {"heigth": 3}, r"used: image.heigth = 3: no such key; did you mean height\?$"),
        ("image", {"width": 32}, r"image.width = 32: .*greater than or equal to 64"),
        ("tutor_warp", {"lr": -1}, r"tutor_warp.lr = -1: .*greater than 0"),
        ("tutor_warp", {"lr": "fast"}, r"tutor_warp.lr = 'fast'"),
        (
            "student_warp",
            {"batch": 5, "accumulate": 2},
            r"batch 5 must be a multiple of accumulate 2",
        ),
        ("fakes", {"per_person": 99}, r"fakes.per_person is 99, but prepare.unpaired draws only"),
        ("perceptual", {"weights": "v.pth"}, r"'v.pth' with sha256 = None: .*sha256sum FILE"),
        ("perceptual", {"sha256": "0" * 64}, r"'none' with sha256 = '0000.*null"),
        ("perceptual", {"weights": "v.pth", "sha256": "0"}, r"perceptual.sha256 = '0'"),
        ("perceptual", {"weights": "v.pth", "sha256": "0" * 65}, r"perceptual.sha256 = '0000"),
        ("register", {"margin": -0.1}, r"register.margin = -0.1: .*greater than or equal to 0"),
        ("losses", {"distillation": {"mode": "some", "features": 1, "flow": 1}}, r"mode = 'some'"),
    ],
)
def test_a_bad_value_names_file_key_and_value(
    tmp_path: Path, section: str, keys: dict, message: str
) -> None:
    path = changed(tmp_path, **{section: keys})
    with pytest.raises(ParamsError, match=rf"(?s){path}.*{message}"):
        Params.load(path)


@pytest.mark.parametrize("key", ["fakes.edge", "register"])
def test_a_missing_key_is_named_alone(key: str) -> None:
    content = section = yaml.safe_load((ROOT / "params.yaml").read_text())
    *path, name = key.split(".")
    for part in path:
        section = section[part]
    del section[name]
    with pytest.raises(ParamsError, match=f"^old: cannot be used: {key} is missing; docs/sett"):
        Params.check(content, "old")


def test_a_missing_file_and_broken_yaml_say_so(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no such file"):
        Params.load(tmp_path / "params.yaml")
    with pytest.raises(ParamsError, match=f"{tmp_path}: no such file"):
        Params.load(tmp_path)
    (tmp_path / "params.yaml").write_text("image: [")
    with pytest.raises(ParamsError, match="not YAML"):
        Params.load(tmp_path / "params.yaml")


def test_params_cannot_be_changed_in_flight() -> None:
    params = Params.load(ROOT / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.seed = 8


def sections(of: type[Section] = Section) -> list[type[Section]]:
    return [s for child in of.__subclasses__() for s in (child, *sections(child))]


@pytest.mark.parametrize("section", sections(), ids=lambda s: s.__name__)
def test_no_key_has_a_default_which_dvc_would_not_see(section: type[Section]) -> None:
    assert [name for name, field in section.model_fields.items() if not field.is_required()] == []


def test_of_params_with_only_some_keys_no_other_can_be_read() -> None:
    params = Params.load(ROOT / "params.yaml")
    some = params.only("seed", "losses.warp", "losses.generator.l1", "image")
    assert (some.seed, some.losses.warp, some.image.size) == (7, params.losses.warp, (128, 96))
    assert some.losses.generator.l1 == params.losses.generator.l1
    for read in (
        lambda: some.fakes,
        lambda: some.losses.distillation,
        lambda: some.losses.generator.vgg,
    ):
        with pytest.raises(UndeclaredParam, match=r"does not declare it: add the key to PARAMS"):
            read()


def test_params_with_only_some_keys_know_what_they_are() -> None:
    some = Params.load(ROOT / "params.yaml").only("seed", "model.fpn")
    assert some.model_dump() == {"seed": 7, "model": {"fpn": 48}}
    assert pickle.loads(pickle.dumps(some)) == some  # workers elsewhere get them
    assert hash(some) == hash(some.only("seed", "model.fpn"))


def test_a_key_that_there_is_not_cannot_be_chosen() -> None:
    with pytest.raises(AttributeError, match="weather"):
        Params.load(ROOT / "params.yaml").only("weather")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"seed: [", b"- 1"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(ParamsError, match=r"params.yaml: (cannot be used|not YAML)"):
        Params.load(tmp_path / "params.yaml")
