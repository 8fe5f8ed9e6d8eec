"""Results are kept in memory, for a bounded time, number and size."""

import pytest

from pfafn.serving.jobs import COMPLETED, Job, Jobs
from pfafn.serving.refusals import NotFound


def kept(jobs: Jobs, count: int, content: bytes = b"") -> list[Job]:
    made = [Job() for _ in range(count)]
    for job in made:
        jobs.keep(job)
        job.files = [("image/png", content)]
        job.end(COMPLETED, {})
    return made


def there(jobs: Jobs, made: list[Job]) -> list[bool]:
    jobs.drop_old()
    return [job in list(jobs) for job in made]


def test_the_last_results_are_kept() -> None:
    jobs = Jobs(2, 60, 10**9)
    assert there(jobs, kept(jobs, 3)) == [False, True, True]


def test_results_are_kept_for_a_while() -> None:
    jobs = Jobs(9, 60, 10**9)
    old, young = kept(jobs, 2)
    old.ended -= 61
    assert there(jobs, [old, young]) == [False, True]
    with pytest.raises(NotFound, match="there is no job"):
        jobs.get(old.id)
    assert jobs.get(young.id) is young


def test_results_are_kept_up_to_a_size_in_all() -> None:
    jobs = Jobs(9, 60, 5000)
    assert there(jobs, kept(jobs, 3, content=bytes(1000))) == [False, True, True]


def test_a_job_that_has_not_ended_is_kept_whatever_comes() -> None:
    jobs = Jobs(1, 60, 0)
    waiting = Job()
    jobs.keep(waiting)
    kept(jobs, 3)
    assert there(jobs, [waiting]) == [True]
