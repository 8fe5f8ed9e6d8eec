"""Stage register: mirror the retraining into MLflow and let the gate choose the champion.

reads   dvc.lock, artifacts/*/
writes  nothing of its own: MLflow's store, which can be rebuilt from the files at any time
"""

from pathlib import Path

from pfafn import registry
from pfafn.params.file import Params
from pfafn.stages.entry import main


def run(_: Params, artifacts: Path) -> registry.Outcome:
    """Bring MLflow up to date and say how it stands; see `pfafn.registry.sync`."""
    outcome = registry.sync(artifacts.absolute().parent)
    print(outcome)
    return outcome


if __name__ == "__main__":
    main(run)
