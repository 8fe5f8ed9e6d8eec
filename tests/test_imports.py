"""Who may import whom: the networks know no orchestrator, and looking costs no torch."""

import subprocess
import sys

import pytest
from importgraph import imported, libraries, modules, reached

TOOLS = {"dvc", "mlflow", "prefect"}
OF_TORCH = "triton"  # installed with torch for CUDA, not used otherwise
STAGES = ["prepare", "annotate", "tutor_warp", "tutor_tryon", "fakes", "student_warp"]
STAGES += ["student_tryon", "evaluate"]


def libraries_named(module: str) -> set[str]:
    return {name.split(".")[0] for name in imported(module)}


@pytest.mark.parametrize("module", modules("pfafn"))
def test_the_package_imports_neither_prefect_nor_dvc(module: str) -> None:
    assert not libraries_named(module) & {"prefect", "dvc"}


@pytest.mark.parametrize("module", modules("pfafn"))
def test_only_the_registry_and_what_it_serves_import_mlflow(module: str) -> None:
    allowed = module == "pfafn.served" or module.startswith("pfafn.registry")
    assert allowed or "mlflow" not in libraries_named(module)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_where_dvc_mlflow_and_prefect_are_not_installed(stage: str) -> None:
    assert not libraries(f"pfafn.stages.{stage}") & TOOLS


@pytest.mark.parametrize("module", [*modules("pfafn/models"), "pfafn.losses"])
def test_networks_and_losses_know_torch_and_each_other_only(module: str) -> None:
    ours = {m for m in reached(module) if m not in ("pfafn", "pfafn.models", "pfafn.losses")}
    plain = {"pfafn.atomic", "pfafn.digest", "pfafn.errors"}  # of which none knows a network
    assert all(name.startswith("pfafn.models.") for name in ours - plain)
    foreign = libraries(module) - set(sys.stdlib_module_names)
    assert foreign <= {"torch", OF_TORCH, "safetensors", "numpy"}


@pytest.mark.parametrize(
    "module", ["pfafn.cli", "pfafn.cli_registry", "pfafn.registry", "flows.retrain"]
)
def test_commands_start_without_torch_and_mlflow(module: str) -> None:
    assert not libraries(module, top=True) & {"torch", "mlflow", "albumentations"}


def test_what_the_served_model_needs_is_pinned_with_it() -> None:
    from pfafn.registry.versions import REQUIREMENTS

    wheels = {
        "PIL": "pillow",
        "cv2": "opencv-python-headless",
        "yaml": "pyyaml",
    }
    needed = libraries("pfafn.served") - set(sys.stdlib_module_names) - {OF_TORCH}
    assert {wheels.get(name, name) for name in needed} == set(REQUIREMENTS)


def test_importing_every_module_of_the_commands_is_quick_and_quiet() -> None:
    code = "import pfafn.registry, pfafn.cli_registry, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
