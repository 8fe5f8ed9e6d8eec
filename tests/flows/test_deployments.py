"""What is served is what prefect.yaml says, and somebody has to be there to serve it for."""

import subprocess
import sys

import pytest

from flows import deployments
from flows.dvc import ROOT


def test_one_retraining_at_a_time_and_the_next_one_waits() -> None:
    nightly, photos = deployments.deployments()
    assert (nightly.full_name, photos.full_name) == ("retrain/nightly", "watch/photos")
    assert nightly.concurrency_limit == 1
    assert nightly.concurrency_options.collision_strategy.value == "ENQUEUE"


def test_a_schedule_leaves_open_whether_it_is_paused() -> None:
    entry = {"cron": "0 2 * * *", "timezone": "UTC", "slug": "nightly"}
    assert "active" not in deployments.schedule(entry).model_fields_set


def test_silence_is_several_missed_heartbeats_long() -> None:
    """One lost sign of life marks nobody as crashed."""
    words = [sys.executable, "-m", "prefect", "config", "view", "--show-defaults"]
    shown = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = next(line for line in shown.splitlines() if "HEARTBEAT_FREQUENCY" in line)
    assert deployments.SILENCE.seconds >= 4 * int(line.partition("'")[2].partition("'")[0])
    trigger = deployments.crash_watch().trigger
    assert trigger.within == deployments.SILENCE
    assert deployments.HEARTBEAT in trigger.expect  # a sign of life ends the wait


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no server to register with: set PREFECT_API_URL"),
        ("http://127.0.0.1:9/api", "no Prefect server answers at PREFECT_API_URL=http://127.0.0.1"),
    ],
)
def test_without_a_server_it_stops_and_says_so(
    url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", url)
    words = [sys.executable, "-m", "flows.deployments"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
