"""What the doctor finds of a person's photo; who looks for people is a stand-in."""

import numpy as np
import photoset
import pytest
from lookers import ABSENT, OWN, SEEN, SIZE, H, Looker, W, about_the_neck, without

from pfafn.doctor.findings import REMEDIES, Severity
from pfafn.doctor.persons import Seen, of_framing, of_person
from pfafn.models.parts import Keypoint as K
from pfafn.photos.entrance import PersonPhoto

PERSON = photoset.person(1, SIZE)
PHOTO = PersonPhoto.of(PERSON)
FACE = (K.NOSE, K.RIGHT_EYE, K.LEFT_EYE, K.RIGHT_EAR, K.LEFT_EAR)


def names(looker: Looker | None, photo: PersonPhoto = PHOTO) -> list[str]:
    return [finding.name for finding in of_person(photo, looker)]


def test_of_a_good_photo_nothing_is_found() -> None:
    assert names(Looker()) == []


def test_without_anybody_who_looks_for_people_that_is_said_with_how_to_get_one() -> None:
    [finding] = of_person(PHOTO, None)
    assert (finding.name, finding.severity) == ("person_unknown", Severity.NOTE)
    assert finding.remedy and "pfafn estimators fetch" in finding.remedy


def test_a_photo_of_nobody_is_refused_with_the_number() -> None:
    [finding] = of_person(PHOTO, Looker(ABSENT, ~OWN))
    assert (finding.name, finding.severity) == ("nobody", Severity.REFUSE)
    assert (finding.value, finding.limit) == (0, 1.5)


def test_somebody_else_beside_the_person_is_told() -> None:
    crowd = OWN.copy()
    crowd[H // 8 :, : W // 10] = True
    assert names(Looker(mask=crowd)) == ["several_people"]
    crowd[H // 2 :, : W // 10] = False
    assert names(Looker(mask=crowd)) == []  # a bag


@pytest.mark.parametrize(("lost", "name"), [
    (FACE, "no_head"), ((K.RIGHT_HIP, K.LEFT_HIP), "no_hips"),
])  # fmt: skip
def test_what_is_cut_off_is_told(lost: tuple, name: str) -> None:
    assert names(Looker(without(*lost))) == [name]
    assert names(Looker(without(*lost[1:]))) == []


@pytest.mark.parametrize(("times", "found"), [
    (0.5, ["far"]), (0.75, []), (1.8, []), (2.2, ["near"]),
])  # fmt: skip
def test_how_near_a_person_stands_is_measured_from_neck_to_hips(times: float, found: list) -> None:
    assert names(Looker(about_the_neck(times))) == found
    said = of_person(PHOTO, Looker(about_the_neck(times)))
    assert [f.value for f in said] == pytest.approx([0.34 * times] * len(found), abs=0.01)


def test_in_a_wide_photo_a_person_is_as_far_as_in_the_high_one_around_it() -> None:
    wide = Seen(SEEN, np.zeros((H, 2 * W), bool))
    assert wide.torso is not None
    [finding] = of_framing(wide, wide.torso)
    assert (finding.name, finding.value) == ("far", pytest.approx(0.34 / 2, abs=0.01))


@pytest.mark.parametrize("degrees", [-60, 60, 120, 180])
def test_a_person_who_leans_far_lies(degrees: float) -> None:
    [finding] = of_person(PHOTO, Looker(about_the_neck(0.7, degrees)))
    assert finding.name == "lying"
    assert finding.value == pytest.approx(abs(degrees), abs=1)


def test_whoever_is_only_seen_in_the_turned_photo_lies() -> None:
    [finding] = of_person(PHOTO, Looker(ABSENT, across=SEEN))
    assert (finding.name, finding.value) == ("lying", 90)


def test_a_pattern_behind_the_person_is_a_busy_background() -> None:
    checks = (np.indices(SIZE).sum(axis=0) // 4 % 2 * 255).astype(np.uint8)
    busy = np.where(OWN[..., None], PERSON, checks[..., None])
    [finding] = of_person(PersonPhoto.of(busy), Looker())
    assert (finding.name, finding.severity) == ("background", Severity.NOTE)


def test_the_worst_is_said_first_and_each_finding_has_its_remedy() -> None:
    wide = PersonPhoto.of(PERSON)._replace(changes=("rotated",), note="odd colours")
    found = of_person(wide, Looker(ABSENT, ~OWN))
    assert [f.name for f in found] == ["nobody", "colours", "rotated"]
    assert [f.remedy for f in found] == [REMEDIES[f.name] for f in found]
    assert found[2].changed == "turned upright"
