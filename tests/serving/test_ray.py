"""The service as a Ray Serve deployment answers as it does by itself."""

import json
import urllib.request
from pathlib import Path

import pytest
from shop import GARMENT, PERSON

serve = pytest.importorskip("ray.serve", reason="Ray is an extra: pfafn[ray]")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def test_a_replica_answers(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import base64

    monkeypatch.setenv("PFAFN_SERVE_MODEL", str(weights))
    from pfafn.serving.ray import app

    serve.start(http_options={"port": 8765})
    try:
        serve.run(app)
        fields = {"person_image": PERSON, "garment_image": GARMENT}
        body = {name: base64.b64encode(content).decode() for name, content in fields.items()}
        request = urllib.request.Request(
            "http://127.0.0.1:8765/v1/tryon",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = json.load(answer)
    finally:
        serve.shutdown()
    assert told["status"] == "completed"
    assert told["model_version"].startswith("student.safetensors/")
