"""The Prefect server at PREFECT_API_URL: whether it answers, and what is said when it does not."""

from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    get_current_settings,
    temporary_settings,
)

from pfafn.kit.errors import UserError

PATIENCE = 10.0  # seconds for a first answer
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
    once = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: PATIENCE}
    with temporary_settings(once), get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error:
        raise ServerError(
            f"no Prefect server answers at PREFECT_API_URL={url()}: {error}; start it, or set "
            "PREFECT_API_URL right (`dvc repro` needs no server)"
        )


def lost(error: Exception) -> ServerError:
    """What to say when Prefect gave up on a server that answered before."""
    return ServerError(OUTAGE.format(url() or "an address of its own", error))
