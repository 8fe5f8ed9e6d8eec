"""The Prefect server at PREFECT_API_URL: whether it answers, and what it has of this run."""

import contextlib
import re
from datetime import UTC, datetime
from uuid import UUID

from coolname import data as coolname_data
from httpx import HTTPError
from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.exceptions import Abort
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    get_current_settings,
    temporary_settings,
)

from pfafn.kit.errors import UserError

PATIENCE = 10.0  # seconds for an answer that need not come
ONCE = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: PATIENCE}
# How the form of a *Custom run* draws a name: Greek letter, number, stars or people. One in nine
# lacks the number, and could be a person's own: beta-test.
STARS = re.compile(
    r"(alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma"
    r"|tau|upsilon|phi|chi|psi|omega)\d{1,3}(-[a-z]+)+"
)
WORDS = {word for of in coolname_data.config.values() for word in of.get("words", ())}
OUTAGE = (
    "the Prefect server at {} stopped answering ({}), so it does not know how this run ended. What "
    "the stages made is kept: start the server again and run the same again, or run `dvc repro`"
)


class ServerError(UserError):
    """No Prefect server answers; the message says where and what to do."""


def url() -> str:
    """Where the server is; "" if none is named."""
    return get_current_settings().api.url or ""


def check() -> None:
    """Ask the server for a sign of life, once; without one, whether a run may start its own.

    Raises ServerError if there is none.
    """
    if not url():
        if not get_current_settings().server.ephemeral.enabled:
            raise ServerError(
                "no PREFECT_API_URL is set, and PREFECT_SERVER_ALLOW_EPHEMERAL_MODE=false forbids "
                "a run to start a server of its own: set the URL of one, or allow it "
                "(`dvc repro` needs no server)"
            )
        return
    with temporary_settings(ONCE), get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error:
        raise ServerError(
            f"no Prefect server answers at PREFECT_API_URL={url()}: {error}; start it, or set "
            "PREFECT_API_URL right (`dvc repro` needs no server)"
        )


def lost(error: Exception) -> ServerError:
    """What to say when Prefect gave up on a server that answered before."""
    return ServerError(OUTAGE.format(url() or "an address of its own", error))


def rename(name: str) -> None:
    """Give this run a name that speaks, in place of Prefect's; a person's own stays."""
    if runtime.flow_run.id and by_prefect(runtime.flow_run.name or ""):
        with get_client(sync_client=True) as client:
            client.update_flow_run(UUID(str(runtime.flow_run.id)), name=name)


def by_prefect(name: str) -> bool:
    """Whether Prefect drew this name: `quixotic-narwhal`, or `phi436-doradus-band` in its form."""
    animals = len(words := name.split("-")) == 2 and WORDS.issuperset(words)
    return animals or STARS.fullmatch(name) is not None


def stopped(kept: str) -> None:
    """Let this run be called by what is kept of it, unless the server is away.

    Of the state itself Prefect's runner says "cancelled successfully", over whatever was there.
    """
    with contextlib.suppress(HTTPError), temporary_settings(ONCE):
        rename(kept.partition(": run the same")[0])


def deployed() -> bool:
    """Whether this run is one of a deployment's, without asking the server, which may be away.

    `prefect.runtime.deployment` asks it about each run that is not.
    """
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.deployment_id)


def suspended() -> State | None:
    """The state of this run if somebody suspended it; None if not, or if the server is away.

    Only runs of a deployment can be resumed.
    """
    if not deployed():
        return None
    with contextlib.suppress(HTTPError), temporary_settings(ONCE):
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(UUID(str(runtime.flow_run.id))).state
        return state if state and state.is_paused() else None
    return None


def end(state: State[None]) -> State[None]:
    """End this run in a state whose message is all there is to say.

    Of a state that a run of a deployment returns Prefect logs a traceback of its own.
    """
    if not deployed():
        return state
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(str(runtime.flow_run.id)), state)
    abort = Abort(state.message)
    abort.state = state
    raise abort


def stopped_since(moment: datetime, flow: str) -> bool:
    """Whether the last run of a flow that was due since then was cancelled, or crashed."""
    due = {"after_": moment, "before_": datetime.now(UTC)}
    with get_client(sync_client=True) as client:
        last = client.read_flow_runs(
            flow_filter=FlowFilter.model_validate({"name": {"any_": [flow]}}),
            flow_run_filter=FlowRunFilter.model_validate({"expected_start_time": due}),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=1,
        )
    return any(run.state_type in (StateType.CANCELLED, StateType.CRASHED) for run in last)
