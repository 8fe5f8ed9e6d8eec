"""How fast and how large: try-on and training made fast, against the networks as they read.

    python -m benchmarks [--quick] [--only NAME ...] [--seconds N] [--json FILE] [--compare FILE]

Tells each row when it is there, and prints Markdown and writes JSON of what there is, also when it
is stopped or out of time. Every variant is measured in the same run as the plain one, which
leaves `pfafn.fast` out, in rounds that run each once; medians and quartiles are of the rounds.
"""

import argparse
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks import inference
from benchmarks.ablation import ablation
from benchmarks.compiled import compiled
from benchmarks.data_path import data_path
from benchmarks.files import from_files
from benchmarks.machine import ceilings, describe
from benchmarks.memory import memory
from benchmarks.rows import Row, from_json, line, markdown, slower, to_json
from benchmarks.schedule import schedule
from benchmarks.subject import QUICK, Scale, network
from benchmarks.timing import OutOfTime, within
from benchmarks.training import training
from benchmarks.variants import networks
from pfafn.kit import machine
from pfafn.kit.files import write_text
from pfafn.kit.signals import Stopped, stopping

SECTIONS = ("tryon", "parts", "growth", "gallery", "compiled", "files", "memory", "data",
            "training", "schedule", "ablation")  # fmt: skip
LONG = ("compiled", "schedule", "ablation")  # minutes each: only if asked for
USUAL = tuple(name for name in SECTIONS if name not in LONG)
WITH_NETWORKS = {"tryon", "parts", "growth", "gallery", "compiled"}


def arguments(given: list[str] | None) -> argparse.Namespace:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=lines[0], epilog=" ".join(lines[4:]).strip()
    )
    parser.add_argument("--quick", action="store_true", help="tiny networks: does it all run?")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=USUAL, metavar="NAME",
                        help=f"some of: {' '.join(SECTIONS)}; default: all but "
                             f"{', '.join(LONG)}, each of which takes minutes")  # fmt: skip
    parser.add_argument("--threads", type=int, help="of torch; by default as torch chooses")
    parser.add_argument("--seconds", type=float, default=0,
                        help="end after so many, with what is measured by then")  # fmt: skip
    parser.add_argument("--rounds", type=int, help="how often each variant is measured")
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks.json"), metavar="FILE",
                        help="where the numbers go, default build/benchmarks.json")  # fmt: skip
    parser.add_argument("--compare", type=Path, metavar="FILE",
                        help="earlier numbers; exit code 1 if it is slower now")  # fmt: skip
    return parser.parse_args(given)


def measure(scale: Scale, only: Collection[str], device: torch.device) -> Iterator[Row]:
    """The rows of the machine's ceilings and of each chosen section, as they are there."""
    found, best = ceilings(device, scale.rounds)
    yield from found
    nets = {}
    if WITH_NETWORKS & set(only):
        nets = networks(network("student", scale.widths), device)
    sections: dict[str, Callable[[], Iterable[Row]]] = {
        "tryon": lambda: inference.alone(nets, scale, device, best),
        "growth": lambda: inference.growth(nets, scale, device, best),
        "parts": lambda: inference.parts(nets, scale, device),
        "gallery": lambda: inference.gallery(nets, scale, device),
        "compiled": lambda: compiled(nets, scale, device, best),
        "files": lambda: from_files(scale, device),
        "memory": lambda: memory(
            network("student", scale.widths),
            [
                (scale.size, 1),
                (scale.size, scale.batches[-1]),
                *((size, 1) for size in scale.sizes),
            ],
        ),
        "data": lambda: data_path(scale, device),
        "training": lambda: training(scale, device),
        "schedule": lambda: schedule(scale, device, best),
        "ablation": lambda: ablation(scale, device),
    }
    for name in (section for section in SECTIONS if section in only):
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        if name not in WITH_NETWORKS:
            nets.clear()
        yield from sections[name]()


def settings(scale: Scale) -> dict[str, Any]:
    """What must agree for two runs to be comparable."""
    return {"size": list(scale.size), "widths": scale.widths}


def main(given: list[str] | None = None) -> int:
    asked = arguments(given)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    scale = QUICK if asked.quick else Scale()
    if asked.rounds:
        scale = scale._replace(rounds=asked.rounds, training_rounds=max(1, asked.rounds // 3))
    before = json.loads(asked.compare.read_text()) if asked.compare else None
    if before and before["settings"] != settings(scale):
        print(f"{asked.compare}: measured with {before['settings']}, not {settings(scale)}")
        return 2
    device = machine.device()
    here = describe(device)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    found: list[Row] = []
    code = 0
    try:
        with stopping(), within(asked.seconds):
            for row in measure(scale, asked.only, device):
                found.append(row)
                print(line(row), file=sys.stderr, flush=True)
                report = {"machine": here, "settings": settings(scale)}
                report["rows"] = [to_json(row) for row in found]
                write_text(asked.json, json.dumps(report, indent=1) + "\n")
    except (Stopped, OutOfTime) as end:
        code = end.code if isinstance(end, Stopped) else 0
        print(f"ended before all was measured: {end}", file=sys.stderr)
    print(f"# Benchmarks\n\n{', '.join(f'{k} {v}' for k, v in here.items() if v)}\n")
    print(markdown(found))
    if before is None or code:
        return code
    lost = slower(found, [from_json(row) for row in before["rows"]])
    print("\n" + ("\n".join(["Slower than before:", *lost]) if lost else "Nothing is slower."))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
