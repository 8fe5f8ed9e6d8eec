"""The example of a pull request's job is a workflow whose commands this project has."""

import os
import shlex

import yaml
from importgraph import ROOT
from typer.main import get_command

from pfafn.cli.app import app

WORKFLOW = yaml.safe_load((ROOT / "ci/github-pull-request.yml").read_text())
STEPS = WORKFLOW["jobs"]["smoke"]["steps"]
COMMANDS = [shlex.split(step["run"]) for step in STEPS if "run" in step]


def test_it_runs_on_pull_requests_and_may_only_read() -> None:
    assert WORKFLOW[True] == "pull_request"  # YAML reads the key `on` as a truth value
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_it_trains_and_then_reports_with_a_link_to_the_pictures() -> None:
    train, report = COMMANDS
    assert os.access(ROOT / train[0], os.X_OK)
    verb = get_command(app).commands[report[1]]
    options = {option for parameter in verb.params for option in parameter.opts}
    assert {word for word in report if word.startswith("--")} <= options
    (uploaded,) = (step for step in STEPS if "upload-artifact" in step.get("uses", ""))
    assert uploaded["with"]["path"] == f"{report[2]}/evaluate/"
    assert STEPS[-1]["env"]["PICTURES"] == f"${{{{ steps.{uploaded['id']}.outputs.artifact-url }}}}"


def test_what_it_makes_is_git_ignored() -> None:
    assert "git clone --quiet . build/smoke\n" in (ROOT / "ci/smoke").read_text()
    assert "/build/" in (ROOT / ".gitignore").read_text().splitlines()
