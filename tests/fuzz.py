"""Property tests: how many examples, and bytes that were good once.

PFAFN_EXAMPLES = how often each property is tried, with new random examples; without it a fixed
set, the same in every run.
"""

import functools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

WISH = os.environ.get("PFAFN_EXAMPLES")
REFUSED, READ = "refused", "read"
outcomes: Counter[str] = Counter()  # of all that was judged; tests/conftest.py shows it


def examples(count: int) -> settings:
    """Settings of a property that is tried `count` times in an ordinary run."""
    return settings(
        max_examples=int(WISH or count),
        derandomize=WISH is None,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


def counted(judge: Callable[..., str]) -> Callable[..., str]:
    """Count what a judge of an input says of it: REFUSED or READ. An error is neither."""

    @functools.wraps(judge)
    def judged(*given: Any) -> str:
        outcomes["tried"] += 1
        outcome = judge(*given)
        outcomes[outcome] += 1
        return outcome

    return judged


def told() -> str:
    """All outcomes in a line; "" if nothing was judged."""
    if not outcomes:
        return ""
    crashed = outcomes["tried"] - outcomes[REFUSED] - outcomes[READ]
    return (
        f"bad inputs of the property tests: {outcomes['tried']} tried, {outcomes[REFUSED]} refused "
        f"with a reason, {outcomes[READ]} read rightly, {crashed} crashed"
    )


@st.composite
def damaged(draw: Any, whole: bytes) -> bytes:
    """Bytes of a file that was cut, overwritten in places, or glued to other bytes."""
    content = bytearray(whole)
    places = st.integers(0, max(0, len(whole) - 1))
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[place] = value
    if draw(st.booleans()):
        del content[draw(places) :]
    return bytes(content) + draw(st.binary(max_size=16))
