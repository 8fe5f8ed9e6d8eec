import pytest

from pfafn.data.pairing import Offer, Wearer, draw_test, draw_train
from pfafn.models.parts import Category


def offers(*digests: str, category: Category = Category.UPPER) -> list[Offer]:
    return [Offer(row, f"g{row}", category, digest) for row, digest in enumerate(digests)]


def wearers(count: int) -> list[Wearer]:
    return [Wearer(f"p{n}", Category.UPPER, f"g{n}") for n in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_test_persons_exchange_garments_one_to_one(seed):
    drawn = [row for (row,) in draw_test(wearers(7), offers(*"abcdefg"), [], seed)]
    assert sorted(drawn) == list(range(7))
    assert all(row != own for own, row in enumerate(drawn))


@pytest.mark.parametrize("seed", range(5))
def test_a_twin_of_the_own_garment_is_passed_over(seed):
    drawn = draw_test(wearers(3), offers("a", "a", "b"), [], seed)
    assert drawn[:2] == [[2], [2]]
    assert drawn[2] in ([0], [1])


def test_persons_without_a_garment_go_round_the_whole_shelf():
    nobody = [Wearer(f"p{n}", Category.UPPER, None) for n in range(4)]
    drawn = [row for (row,) in draw_test(nobody, offers(*"abcd"), [], seed=1)]
    assert sorted(drawn) == [0, 1, 2, 3]


def test_a_listed_pair_with_the_own_garment_is_no_unpaired_one():
    pairs = [("p0", "g0"), ("p0", "g2"), ("p0", "g2")]
    assert draw_test(wearers(3), offers(*"abc"), pairs, seed=0)[0] == [2]


def test_a_train_draw_depends_on_seed_and_person_alone():
    shelf = offers(*"abcdefgh")
    some, all_ = draw_train(wearers(2), shelf, 3, seed=4), draw_train(wearers(8), shelf, 3, seed=4)
    assert some == all_[:2]
    assert all_ != draw_train(wearers(8), shelf, 3, seed=5)


def test_few_garments_give_short_draws_without_repetition():
    assert sorted(draw_train(wearers(3), offers(*"abc"), 5, seed=0)[0]) == [1, 2]


def test_a_train_draw_does_not_depend_on_who_stands_before() -> None:
    people, shelf = wearers(4), offers(*"abcdefgh")
    together = draw_train(people, shelf, 3, seed=4)
    alone = [draw_train([person], shelf, 3, seed=4)[0] for person in people]
    assert alone == together
    assert draw_train(people[::-1], shelf, 3, seed=4) == together[::-1]


def test_persons_draw_each_their_own() -> None:
    drawn = draw_train(wearers(8), offers(*"abcdefgh"), 3, seed=4)
    assert len({tuple(rows) for rows in drawn}) > 4


def test_twins_of_the_own_garment_do_not_shorten_a_draw() -> None:
    shelf = offers("a", "a", "a", "b", "c", "d")
    for seed in range(20):
        (rows,) = draw_train(wearers(1), shelf, 3, seed)
        assert sorted(rows) == [3, 4, 5]


def test_nobody_is_given_a_garment_of_another_category() -> None:
    upper, dress = offers(*"abc"), [Offer(3, "g3", Category.DRESS, "d")]
    assert draw_test(wearers(1), upper + dress, [("p0", "g3"), ("p0", "g2")], seed=0) == [[2]]
    for seed in range(10):
        assert 3 not in draw_train(wearers(1), upper + dress, 4, seed)[0]
        assert 3 not in draw_test(wearers(1), upper + dress, [], seed)[0]


def test_another_seed_is_another_exchange() -> None:
    drawn = {str(draw_test(wearers(7), offers(*"abcdefg"), [], seed)) for seed in range(5)}
    assert len(drawn) > 1


def test_a_listed_pair_with_a_twin_of_the_own_garment_is_no_unpaired_one() -> None:
    pairs = [("p0", "g1"), ("p0", "g2")]
    assert draw_test(wearers(3), offers("a", "a", "b"), pairs, seed=0)[0] == [2]
