"""Who may import whom: the networks know no orchestrator, and looking costs no torch."""

import ast
import subprocess
import sys

import pytest
from importgraph import OURS, ROOT, imported, libraries, modules, path_of, reached

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
    allowed = module == "pfafn.inference.served" or module.startswith("pfafn.registry")
    assert allowed or "mlflow" not in libraries_named(module)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_where_dvc_mlflow_and_prefect_are_not_installed(stage: str) -> None:
    assert not libraries(f"pfafn.stages.{stage}") & TOOLS


WHEELS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "lightning_fabric": "lightning-fabric",
    "yaml": "pyyaml",
}
# Inside functions.
SOMETIMES = {"albumentations", OF_TORCH, "torch", "dask", "distributed", "onnxruntime"}
GPU = "make gpu"


def documented() -> dict[str, set[str]]:
    """The wheels that docs/speed.md says are needed, by what is run."""
    page = (ROOT / "docs" / "speed.md").read_text().partition("### What a bare machine needs")[2]
    rows = [line.strip("| ").split(" | ") for line in page.partition("## All")[0].splitlines()
            if line.startswith("| `")]  # fmt: skip
    return {what: set(wheels.split(", ")) for names, wheels in rows
            for what in names.replace("`", "").split(", ")}  # fmt: skip


@pytest.mark.parametrize("what", [GPU, *STAGES])
def test_what_a_bare_machine_needs_is_what_the_docs_say(what: str) -> None:
    started = modules("benchmarks/gpu") if what == GPU else [f"pfafn.stages.{what}"]
    read = {"parity"}  # of the tests, beside which `make gpu` lies
    always, all_of_them = (
        {WHEELS.get(name, name) for module in started for name in libraries(module, top=top)}
        - set(sys.stdlib_module_names) - read
        for top in (True, False)
    )  # fmt: skip
    assert always - {OF_TORCH} <= documented()[what] <= all_of_them
    assert all_of_them - documented()[what] <= SOMETIMES
    assert ("albumentations" in documented()[what]) == what.startswith(("tutor", "student"))


# From the top of the house down: a folder imports only from folders further down.
FLOORS = (
    {"cli"},
    {"flows", "stages", "serving"},
    {"registry"},
    {"chronicle"},
    {"portable"},
    {"inference", "evaluation"},
    {"learning"},
    {"training"},
    {"adoption"},
    {"data", "studio", "doctor"},
    {"estimators"},
    {"annotations"},
    {"samples"},
    {"fast", "weights", "photos"},
    {"models", "params"},
    {"workers"},
    {"kit"},
)


def folder(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "pfafn" and len(parts) > 1 else parts[0]


def floor(name: str) -> int:
    return next(n for n, names in enumerate(FLOORS) if name in names)


@pytest.mark.parametrize("module", [*modules("pfafn"), *modules("flows")])
def test_arrows_between_folders_only_point_down(module: str) -> None:
    if module in ("pfafn", "pfafn.__main__"):
        return
    mine = folder(module)
    ours = {name for name in imported(module) if name.startswith(OURS) and path_of(name)}
    others = {folder(name) for name in ours} - {mine, "pfafn"}
    assert not {other for other in others if floor(other) <= floor(mine)}


@pytest.mark.parametrize("module", modules("pfafn/models"))
def test_the_networks_know_torch_alone(module: str) -> None:
    foreign = libraries(module) - set(sys.stdlib_module_names)
    assert foreign <= {"torch", "numpy"}


@pytest.mark.parametrize("name", sorted({folder(m) for m in modules("pfafn")} - {"pfafn"}))
def test_a_folder_can_be_taken_in_at_a_glance(name: str) -> None:
    files = [f for f in (ROOT / "pfafn" / name).glob("*.py") if f.stat().st_size]
    assert len(files) <= 14


@pytest.mark.parametrize(
    "module", ["pfafn.cli.app", "pfafn.cli.registry", "pfafn.registry", "flows.retrain"]
)
def test_commands_start_without_torch_and_mlflow(module: str) -> None:
    assert not libraries(module, top=True) & {"torch", "mlflow", "albumentations"}


def test_a_served_model_brings_along_only_what_dresses_people() -> None:
    """No loss and no training; nor the registry, which is asked by name where there is one."""
    folders = {folder(module) for module in reached("pfafn.inference.served")} - {"pfafn"}
    assert folders == {"inference", "annotations", "fast", "weights", "photos", "models", "kit"}


def test_what_the_served_model_needs_is_pinned_with_it() -> None:
    from pfafn.registry.stored import REQUIREMENTS

    wheels = {
        "PIL": "pillow",
        "cv2": "opencv-python-headless",
        "yaml": "pyyaml",
    }
    needed = libraries("pfafn.inference.served") - set(sys.stdlib_module_names)
    needed -= {OF_TORCH, "onnxruntime"}  # it is a model file that is served
    assert {wheels.get(name, name) for name in needed} == set(REQUIREMENTS)


def test_importing_every_module_of_the_commands_is_quick_and_quiet() -> None:
    code = "import pfafn.registry, pfafn.cli.registry, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize("module", modules("pfafn"))
def test_what_is_said_beside_results_is_said_in_one_place(module: str) -> None:
    calls = [n for n in ast.walk(ast.parse((ROOT / path_of(module)).read_text()))
             if isinstance(n, ast.Call) and ast.unparse(n.func) == "print"]  # fmt: skip
    # `register` has no other result than what it says.
    assert not calls or module in ("pfafn.kit.progress", "pfafn.stages.register")
