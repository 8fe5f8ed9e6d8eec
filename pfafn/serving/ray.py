"""The same service on many machines, as a Ray Serve deployment: `serve run pfafn.serving.ray:app`.

Ray balances over the replicas, restarts them and can let their number follow the load. Each one is
what `pfafn serve` is: it computes together what it is sent, and watches the alias. Jobs are known
only to the replica that accepted them: with several, ask /v1/tryon.

Environment: PFAFN_SERVE_MODEL, a model file or models:/NAME@ALIAS; PFAFN_SERVE_REPLICAS, how many;
PFAFN_SERVE_GPUS, the share of a GPU that each one has.
"""

import os

from fastapi import FastAPI
from ray import serve

from pfafn.kit.machine import count
from pfafn.registry import CHAMPION
from pfafn.serving.app import create
from pfafn.serving.gallery import Gallery
from pfafn.serving.service import Service

AT_A_TIME = 128  # requests that Ray hands a replica, which itself says what is too much


def build() -> FastAPI:
    """The application of one replica, in the replica's own process."""
    return create(Service(os.environ.get("PFAFN_SERVE_MODEL", CHAMPION)), Gallery.of(None))


app = serve.deployment(
    serve.ingress(build)(),
    name="tryon",
    num_replicas=count("PFAFN_SERVE_REPLICAS", 1),
    max_ongoing_requests=AT_A_TIME,
    ray_actor_options={"num_gpus": float(os.environ.get("PFAFN_SERVE_GPUS", "0"))},
).bind()
