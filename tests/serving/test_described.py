"""The API keeps to its OpenAPI description, for requests that nobody has thought of."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from benchmarks.server import served

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
NEVER_FITS = [positive_data_acceptance]  # base64 that is made up is no picture
FEW = settings(
    max_examples=12, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def test_whatever_is_sent_the_answer_is_one_that_is_described(weights: Path) -> None:
    with served(weights) as server:
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        assert len(operations) > 12
        for operation in operations:

            @FEW
            @given(case=operation.as_strategy())
            def answered(case: Any) -> None:
                case.call_and_validate(excluded_checks=NEVER_FITS, timeout=30)

            answered()
