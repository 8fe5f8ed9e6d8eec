"""What is served is what prefect.yaml says."""

import subprocess
import sys

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
