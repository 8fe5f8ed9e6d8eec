"""What the doctor finds of photos: of good ones, and of cases made of them.

    python -m benchmarks.doctor [--data FOLDER] [--most N]

Prints Markdown: for each finding how many of the photos that have it are found (recall), and how
many of those of which it is said have it (precision). Takes the test photos of a data folder in
VITON's layout. What needs somebody who looks for people is left out where no estimator is there.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.doctor_cases import Case, Good, of_garments, of_persons
from pfafn.annotations.keypoints import read_keypoints
from pfafn.doctor.findings import REMEDIES
from pfafn.doctor.garments import of_garment
from pfafn.doctor.persons import of_person
from pfafn.estimators.people import People, people
from pfafn.kit.progress import Progress
from pfafn.photos.entrance import PersonPhoto
from pfafn.photos.images import decode_gray, decode_ids, read_bytes, read_rgb
from pfafn.photos.masks import binary

SEED = 7
TELLS_NOTHING = ("mask", "person_unknown")
ALWAYS = ("blank", "small", "blurred", "colours")  # are told without looking for people


class Score:
    """How often each finding was to be made, was made rightly, and was made wrongly."""

    def __init__(self) -> None:
        self.due, self.right, self.wrong = Counter[str](), Counter[str](), Counter[str]()
        self.cases: dict[str, Counter[str]] = {}

    def add(self, case: Case, made: set[str]) -> None:
        made -= set(TELLS_NOTHING)
        seen = self.cases.setdefault(case.name, Counter())
        seen["photos"] += 1
        hit = next((name for name in case.expected if name in made), None)
        if case.expected:
            self.due[case.expected[0]] += 1
            self.right[case.expected[0]] += hit is not None
        seen["right"] += hit is not None if case.expected else not made
        for name in made - set(case.expected) - set(case.allowed):
            self.wrong[name] += 1
            seen[name] += 1


def samples(data: Path, most: int) -> Iterator[Good]:
    """The first samples of a data folder's test split."""
    for path in sorted((data / "test_img").iterdir())[:most]:
        stem = path.stem.removesuffix("_0")
        person = read_rgb(path)
        size = person.shape[:2]
        pose = read_bytes(data / "test_pose" / f"{path.stem}_keypoints.json")
        parsing = decode_ids(read_bytes(data / "test_label" / f"{path.stem}.png"))
        [mask] = (data / "test_edge").glob(f"{stem}_1.*")
        yield Good(
            person,
            read_keypoints(pose, size),
            parsing > 0,
            read_rgb(next((data / "test_color").glob(f"{stem}_1.*"))),
            binary(decode_gray(read_bytes(mask))),
        )


def examined(goods: list[Good], who: People | None) -> dict[str, Score]:
    """All cases of all samples, examined at the samples' own size."""
    scores = {"person": Score(), "garment": Score()}
    rng = np.random.default_rng(SEED)
    size = goods[0].person.shape[:2]
    with Progress("doctor", len(goods), unit="samples") as progress:
        for good, other in zip(goods, [*goods[1:], goods[0]], strict=True):
            for kind, cases in (("person", of_persons), ("garment", of_garments)):
                for case in cases(good, other, rng):
                    if who is None and needs_people(case):
                        continue
                    photo = case.photo
                    if isinstance(photo, PersonPhoto):
                        found = of_person(photo, who, size)
                    else:
                        found = of_garment(photo, who, size)
                    scores[kind].add(case, {finding.name for finding in found})
            progress.advance()
    return scores


def needs_people(case: Case) -> bool:
    """Whether only who looks for people can find it."""
    told = case.name.startswith("file") or set(case.expected) & set(ALWAYS) or not case.expected
    return not told if isinstance(case.photo, PersonPhoto) else "worn" in case.expected


def table(scores: dict[str, Score]) -> str:
    """Recall and precision of every finding, then every case."""
    lines = ["| finding | of | cases | found | wrongly said | recall | precision |"]
    lines.append("|---|---|---|---|---|---|---|")
    for kind, score in scores.items():
        for name in (name for name in REMEDIES if score.due[name] or score.wrong[name]):
            due, right, wrong = score.due[name], score.right[name], score.wrong[name]
            said = f"{right / (right + wrong):.3f}" if right + wrong else ""
            recall = f"{right / due:.3f}" if due else ""
            lines.append(f"| {name} | {kind} | {due} | {right} | {wrong} | {recall} | {said} |")
    lines += ["", "| case | of | photos | right | also said |", "|---|---|---|---|---|"]
    for kind, score in scores.items():
        for name, seen in score.cases.items():
            also = ", ".join(f"{n} {k}" for k, n in seen.items() if k not in ("photos", "right"))
            lines.append(f"| {name} | {kind} | {seen['photos']} | {seen['right']} | {also} |")
    return "\n".join(lines)


def main(given: list[str] | None = None) -> None:
    lines = __doc__.splitlines()
    parser = argparse.ArgumentParser("python -m benchmarks.doctor", description=lines[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="a data folder")
    parser.add_argument("--most", type=int, default=40, help="how many samples")
    asked = parser.parse_args(given)
    goods = list(samples(asked.data, asked.most))
    print(table(examined(goods, people())))


if __name__ == "__main__":
    main()
