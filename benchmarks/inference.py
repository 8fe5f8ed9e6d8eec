"""Try-on, the network alone: sizes, batches, parts, and galleries."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.apart import in_turns
from benchmarks.rows import Row, over_one_by_one, rows
from benchmarks.subject import DRAWN, Scale, network, pictures
from benchmarks.timing import Spread, interleaved
from benchmarks.variants import PLAIN, PRECISIONS, Networks, computing, formed, networks
from pfafn.fast.graph import EAGER, recorded
from pfafn.photos.tensors import mask_tensor, picture_tensor


def inputs(count: int, size: tuple[int, int], device: torch.device) -> list[Tensor]:
    """person, garment, mask of `count` pictures."""
    drawn = [pictures(number % DRAWN, size) for number in range(count)]
    masks = torch.stack([mask_tensor(d.mask) for d in drawn])
    person, garment = (
        torch.stack([picture_tensor(getattr(d, name)) for d in drawn])
        for name in ("person", "garment")
    )
    return [each.to(device) for each in (person, garment * masks, masks)]


def whole(nets: Networks, given: list[Tensor]) -> dict[str, Callable[[], Tensor]]:
    """Each variant's try-on."""

    def work(variant: str) -> Callable[[], Tensor]:
        (net, dtype), own = nets[variant], formed(given, variant)

        def run() -> Tensor:
            with computing(own[0].device, dtype):
                return net.wear(*own).image

        return run

    return {variant: work(variant) for variant in nets}


def flops(nets: Networks, given: list[Tensor]) -> int:
    """Of the plain network, two per product; the definition's, whatever others spend."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        nets[PLAIN][0].wear(*given)
    return counter.get_total_flops()


def alone(nets: Networks, scale: Scale, device: torch.device, best: dict[str, float]) -> list[Row]:
    """One picture, the network alone, each variant in a process of its own."""
    makers = {variant: partial(apart, variant, scale, device) for variant in nets}
    turns = in_turns(makers, scale.rounds, device)
    taken = {variant: [turn.seconds for turn in each] for variant, each in turns.items()}
    return case("Try-on, network only", nets, scale, (1, scale.size), device, best, taken)


@contextmanager
def apart(variant: str, scale: Scale, device: torch.device) -> Iterator[Callable[[], None]]:
    """A variant's try-on in this process, where no other one has told the heap what to keep."""
    nets = networks(network("student", scale.widths), device, (variant,))
    wear = whole(nets, inputs(1, scale.size, device))[variant]

    def run() -> None:
        wear()

    yield run


def growth(
    nets: Networks, scale: Scale, device: torch.device, best: dict[str, float]
) -> Iterator[Row]:
    """The same per picture at other sizes and in batches."""
    shapes = [(1, size) for size in scale.sizes] + [(count, scale.size) for count in scale.batches]
    few = scale._replace(rounds=scale.gallery_rounds)
    section = "Growth of a try-on, network only, per picture"
    for shape in shapes:
        yield from case(section, nets, few, shape, device, best)


def case(
    section: str,
    nets: Networks,
    scale: Scale,
    shape: tuple[int, tuple[int, int]],
    device: torch.device,
    best: dict[str, float],
    taken: dict[str, list[float]] | None = None,
) -> list[Row]:
    """Batch and size: time, difference to plain, share of the ceiling.

    taken: seconds of each variant by round, if they were measured already.
    """
    count, size = shape
    given = inputs(count, size, device)
    work = {
        variant: run if variant == PLAIN else recorded(run, device)
        for variant, run in whole(nets, given).items()
    }
    for run in (run for run in work.values() for _ in range(EAGER + 1)):
        run()
    expected, needed, notes = work[PLAIN](), flops(nets, given), {}
    taken = taken or interleaved(work, scale.rounds, device)
    for variant, run in work.items():
        rate = needed / Spread.of(taken[variant]).median
        share = rate / best[PRECISIONS[nets[variant][1]]]
        notes[variant] = f"{rate / 1e9:.0f} GFLOP/s, {share:.0%} of the ceiling"
        if variant != PLAIN:
            off = (run() - expected).abs()
            notes[variant] += f"; off by {off.max():.1e}, mean {off.mean():.1e}"
    name = f"{size[0]}x{size[1]}, batch {count}"
    return rows(section, name, taken, per=count, notes=notes)


def parts(nets: Networks, scale: Scale, device: torch.device) -> list[Row]:
    """Where the time of one try-on goes."""
    given, found = inputs(1, scale.size, device), {}
    for variant, (net, dtype) in nets.items():
        person, garment, mask = formed(given, variant)
        with computing(device, dtype):
            seen, known = net.warp.encode_person(person), net.warp.encode_garment(garment)
            warped = net.warp.align(seen, known, garment, mask)
        steps = {
            "person encoder": lambda n=net, p=person: n.warp.encode_person(p),
            "garment encoder": lambda n=net, g=garment: n.warp.encode_garment(g),
            "flow": lambda n=net, s=seen, k=known, g=garment, m=mask: n.warp.align(s, k, g, m),
            "generator": lambda n=net, p=person, w=warped: n.render(p, w),
        }
        with computing(device, dtype):
            found[variant] = interleaved(steps, scale.rounds, device)
    return [
        row
        for part in found[PLAIN]
        for row in rows("Try-on, part by part", part, {v: found[v][part] for v in found})
    ]


def gallery(nets: Networks, scale: Scale, device: torch.device) -> list[Row]:
    """The network alone, one person in many garments: one by one, and with the person known.

    A shop's own garments may be known, too, before anybody comes.
    """
    given, work = inputs(scale.gallery, scale.size, device), {}
    for name, (net, dtype) in nets.items():
        person, garments, masks = formed(given, name)
        pairs = list(zip(garments.split(1), masks.split(1), strict=True))
        with computing(device, dtype):
            known = [net.warp.encode_garment(garment) for garment, _ in pairs]

        def each(net=net, dtype=dtype, person=person, pairs=pairs) -> None:
            with computing(device, dtype):
                for garment, mask in pairs:
                    net.wear(person[:1], garment, mask)

        def shared(net=net, dtype=dtype, person=person, pairs=pairs, known=None) -> None:
            with computing(device, dtype):
                seen = net.warp.flow.ahead(net.warp.encode_person(person[:1]))
                for i, (garment, mask) in enumerate(pairs):
                    features = known[i] if known else net.warp.encode_garment(garment)
                    net.render(person[:1], net.warp.align(seen, features, garment, mask))

        if name == PLAIN:
            work[PLAIN] = each
            continue
        work[f"{name} one by one"], work[f"{name} gallery"] = each, shared
        work[f"{name} gallery, garments known"] = lambda f=shared, k=known: f(known=k)
    taken = interleaved(work, scale.gallery_rounds, device)
    notes = over_one_by_one(taken, PRECISIONS.values())
    case = f"a person in {scale.gallery} garments"
    return rows("Gallery, network only, per picture", case, taken, per=scale.gallery, notes=notes)
