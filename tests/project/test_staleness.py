"""Which stages run again when a param or a file of the package changes: the whole table.

Register is not in it: it always runs.
"""

from pathlib import Path

import pytest
import yaml
from declared import RUN_IF_STALE, STAGES, leaves, reads_param, with_those_after
from dvcdeps import files_of, is_code
from importgraph import ROOT, modules, path_of

EVALUATE = ["evaluate"]
STUDENT_TRYON = ["student_tryon", *EVALUATE]
STUDENT = ["student_warp", *STUDENT_TRYON]
FAKES = ["fakes", *STUDENT]
TUTOR_TRYON = ["tutor_tryon", *FAKES]
TUTOR = ["tutor_warp", *TUTOR_TRYON]
ALL = ["prepare", "annotate", *TUTOR]

# Params key -> the stages that run again.
PARAMS = {
    "seed": ALL,
    "image": ALL,
    "model.channels": TUTOR,
    "model.fpn": TUTOR,
    "model.generator": TUTOR_TRYON,
    "prepare": ALL,
    "annotate.source": ALL,
    "annotate.parser": ["annotate", *TUTOR],
    "annotate.sha256": ["annotate", *TUTOR],
    "annotate.pose": ["annotate", *TUTOR],
    "annotate.body_parts": ["annotate", *TUTOR],
    "augment": TUTOR,
    "perceptual": TUTOR,
    "optimizer": TUTOR,
    "losses.warp": TUTOR,
    "losses.generator.l1": TUTOR_TRYON,
    "losses.generator.vgg": TUTOR_TRYON,
    "losses.generator.mask": TUTOR_TRYON,
    "losses.generator.occlusion": TUTOR_TRYON,
    "losses.generator.in_front": TUTOR_TRYON,
    "losses.generator.skin_l1": STUDENT_TRYON,
    "losses.generator.skin_vgg": STUDENT_TRYON,
    "losses.generator.skin_late": STUDENT_TRYON,
    "losses.distillation": STUDENT,
    "tutor_warp": TUTOR,
    "tutor_tryon": TUTOR_TRYON,
    "fakes": FAKES,
    "student_warp": STUDENT,
    "student_tryon": STUDENT_TRYON,
    "evaluate": EVALUATE,
    "register": [],
}
LEAVES = list(leaves(yaml.safe_load((ROOT / "params.yaml").read_text())))

TRAININGS = ["tutor_warp", "tutor_tryon", "student_warp", "student_tryon"]
NETWORKS = [*TRAININGS, "fakes", "evaluate"]
# Folder of the package -> the stages of which some file in it decides the bytes.
FOLDERS = {
    "cli": [],
    "registry": [],
    "chronicle": [],
    "serving": [],
    "portable": [],
    "inference": [],
    "doctor": [],
    "studio": [],
    "params": [],
    "stages": ALL,
    "evaluation": ["evaluate"],
    "learning": [*TRAININGS, "fakes"],
    "training": TRAININGS,
    "data": ["prepare", "annotate"],
    "annotations": ["prepare", "annotate"],
    "estimators": ["annotate"],
    "samples": ALL,
    "fast": NETWORKS,
    "weights": ["annotate", *NETWORKS],
    "photos": ALL,
    "models": ALL,
    "adoption": [],
    "workers": [],
    "kit": ["prepare", "annotate", *TRAININGS],  # names; what several processes compute jointly
}
# Of these folders, some files.
FILES = {
    "__main__.py": [],
    "stages/prepare.py": ["prepare"],
    "stages/student_warp.py": ["student_warp"],
    "stages/train.py": TRAININGS,
    "stages/entry.py": [],
    "stages/output.py": [],
    "stages/reads.py": [],
    "stages/workplace.py": [],
    "stages/register.py": [],
    "training/pace.py": [],
    "training/loop.py": TRAININGS,
    "learning/fakes.py": ["fakes"],
    "learning/losses.py": TRAININGS,
    "fast/deploy.py": ["fakes", "evaluate"],
    "models/parts.py": ALL,
    "models/blocks.py": ["annotate", *NETWORKS],
    "models/parser.py": ["annotate"],
    "estimators/people.py": ["annotate"],
    "estimators/scores.py": [],
    "models/vgg.py": TRAININGS,
    "models/warp.py": NETWORKS,
    "weights/official_files.py": [],
    "weights/content.py": ["annotate", *NETWORKS],
    "weights/model_file.py": NETWORKS,
    "annotations/body_parts.py": ["annotate"],
    "adoption/adopt.py": [],
    "photos/flow_files.py": ["prepare", "evaluate"],
    "kit/joint.py": TRAININGS,
    "kit/spelling.py": ["prepare", "annotate"],
    "kit/progress.py": [],
    "kit/errors.py": [],
    "kit/impostors.py": [],
    "workers/pool.py": [],
}


def row(leaf: str) -> str:
    """The row of the table for a single key."""
    (name,) = [key for key in PARAMS if leaf == key or leaf.startswith(f"{key}.")]
    return name


def decided_by(part: str) -> list[str]:
    """The stages that list a file, or one of a folder's, of the package."""
    place = Path("pfafn", part)
    listed = {
        name: set().union(*(files_of(dep) for dep in STAGES[name]["deps"] if is_code(dep)))
        for name in RUN_IF_STALE
    }
    return [n for n, files in listed.items() if any(f.is_relative_to(place) for f in files)]


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_param_makes_stale_what_reads_it_and_what_comes_after(leaf: str) -> None:
    readers = {name for name in RUN_IF_STALE if reads_param(name, leaf)}
    assert with_those_after(readers) == set(PARAMS[row(leaf)])


def test_the_table_knows_no_param_that_there_is_not() -> None:
    assert set(PARAMS) == {row(leaf) for leaf in LEAVES}


def test_the_table_knows_every_folder_of_the_package() -> None:
    packages = {module.split(".")[1] for module in modules("pfafn") if module.count(".")}
    assert set(FOLDERS) == packages - {"__main__"}


@pytest.mark.parametrize("part", [*FOLDERS, *FILES])
def test_code_makes_stale_what_it_decides(part: str) -> None:
    assert Path(ROOT, "pfafn", part).exists()
    assert sorted(decided_by(part)) == sorted((FOLDERS | FILES)[part])


def test_flows_and_tests_make_nothing_stale() -> None:
    listed = {dep for name in STAGES for dep in STAGES[name]["deps"]}
    assert {Path(dep).parts[0] for dep in listed} == {"data", "artifacts", "pfafn"}


@pytest.mark.parametrize("stage", RUN_IF_STALE)
def test_a_stage_that_runs_again_stales_all_after_it_and_none_before(stage: str) -> None:
    after = {
        "prepare": ALL, "annotate": ["annotate", *TUTOR], "tutor_warp": TUTOR,
        "tutor_tryon": TUTOR_TRYON, "fakes": FAKES, "student_warp": STUDENT,
        "student_tryon": STUDENT_TRYON, "evaluate": EVALUATE,
    }  # fmt: skip
    assert path_of(f"pfafn.stages.{stage}")
    assert with_those_after({stage}) == set(after[stage])
