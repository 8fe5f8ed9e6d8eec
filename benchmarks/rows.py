"""What a benchmark says: rows of measurements, as Markdown, as JSON, and against earlier ones."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from benchmarks.timing import Spread
from benchmarks.variants import PLAIN

NOISE = 0.03  # share by which medians of equal code differ here, on top of the quartiles


class Row(NamedTuple):
    """One variant of one case.

    cost: seconds or MiB per `per`, or hours in all; gain: how many times less than the plain
    variant of the same run, None where there is none or it is itself.
    """

    section: str
    case: str
    variant: str
    unit: str  # "s", "MiB" or "h"
    cost: Spread
    gain: Spread | None = None
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.section, self.case, self.variant


def rows(
    section: str,
    case: str,
    taken: dict[str, list[float]],
    *,
    per: int = 1,
    base: str = PLAIN,
    notes: dict[str, str] | None = None,
) -> list[Row]:
    """Rows of interleaved seconds for `per` pictures; the gain is taken round by round."""
    found = []
    for variant, times in taken.items():
        gain = None
        if variant != base and base in taken:
            gain = Spread.of([b / t for b, t in zip(taken[base], times, strict=True)])
        cost = Spread.of([t / per for t in times])
        found.append(Row(section, case, variant, "s", cost, gain, (notes or {}).get(variant, "")))
    return found


def over_one_by_one(taken: dict[str, list[float]], names: Iterable[str]) -> dict[str, str]:
    """Notes: how much the variant "NAME gallery" gains over "NAME one by one", round by round."""
    notes = {}
    for name in names:
        pairs = zip(taken[f"{name} one by one"], taken[f"{name} gallery"], strict=True)
        gain = Spread.of([one / shared for one, shared in pairs])
        notes[f"{name} gallery"] = f"{gain.median:.2f}x of one by one"
    return notes


def markdown(found: list[Row]) -> str:
    """A table per section."""
    parts = []
    for section in dict.fromkeys(row.section for row in found):
        lines = [
            "| case | variant | median | quartiles | against plain | |",
            "|---|---|---:|---:|---:|---|",
        ]
        lines += [line(row) for row in found if row.section == section]
        parts.append(f"### {section}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def line(row: Row) -> str:
    low, median, high = (amount(value, row.unit) for value in row.cost)
    gain = f"{row.gain.median:.2f}x ({row.gain.low:.2f}–{row.gain.high:.2f})" if row.gain else ""
    return f"| {row.case} | {row.variant} | {median} | {low} – {high} | {gain} | {row.note} |"


def amount(value: float, unit: str) -> str:
    """Seconds as ms or s, MiB and hours as they are."""
    if unit == "MiB":
        return f"{value:.0f} MiB"
    if unit == "h":
        return f"{value:,.1f} h"
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"


def to_json(row: Row) -> dict[str, Any]:
    spreads = {"cost": row.cost._asdict(), "gain": row.gain and row.gain._asdict()}
    return row._asdict() | spreads


def from_json(saved: dict[str, Any]) -> Row:
    gain = saved["gain"] and Spread(**saved["gain"])
    return Row(**saved | {"cost": Spread(**saved["cost"]), "gain": gain})


def slower(now: list[Row], before: list[Row]) -> list[str]:
    """What lost against before, beyond noise; one line each.

    The gain over the plain variant of the same run is compared, since that holds on a machine that
    is busier or another: it lost if its upper quartile is below the lower one of before.
    """
    known = {row.key: row for row in before}
    found = []
    for row in now:
        old = known.get(row.key)
        if old and row.gain and old.gain and row.gain.high < old.gain.low * (1 - NOISE):
            name = ", ".join(row.key)
            found.append(f"{name}: {row.gain.median:.2f}x of plain, was {old.gain.median:.2f}x")
    return found
