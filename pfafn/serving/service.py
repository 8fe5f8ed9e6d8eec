"""A try-on service, whatever brings the requests: from a request's fields to its answer.

Nothing of a picture is written to disk or to a log. A job's result stays in memory for a while.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from pfafn.doctor.findings import Finding
from pfafn.doctor.verdict import of_photo, warned
from pfafn.estimators.people import people
from pfafn.inference.entry import Photo, garment_photo, person_photo
from pfafn.kit.errors import UserError
from pfafn.photos.images import encode_shown
from pfafn.photos.pasting import encoded
from pfafn.serving.answers import data_url, of_options, unusable
from pfafn.serving.batcher import Batcher, Done, Pair
from pfafn.serving.champion import Champion, Loaded
from pfafn.serving.fields import CheckRequest, TryOnRequest
from pfafn.serving.jobs import COMPLETED, FAILED, IN_QUEUE, PROCESSING, Job, Jobs
from pfafn.serving.metrics import Metrics
from pfafn.serving.refusals import (
    USUAL,
    Bounds,
    Door,
    Refusal,
    ServerError,
    Unavailable,
    Visit,
    refusal_of,
)

LOG = logging.getLogger("pfafn.serving")
Made = TypeVar("Made")


class Service:
    """Dresses people for whoever asks, with the model that its champion holds."""

    def __init__(self, source: str, bounds: Bounds = USUAL, watch: float = 5) -> None:
        """source: a model file, or models:/NAME@ALIAS, looked up again every `watch` seconds."""
        self.bounds, self.seconds = bounds, watch
        self.metrics = Metrics()
        self.champion = Champion(source, self._reloaded)
        self.door = Door(bounds.requests, bounds.megapixels * 1_000_000)
        self.people = people()
        pose = self.people and self.people.pose
        self.batcher = Batcher(self.champion.current, bounds.together, self._begun, pose)
        self.jobs = Jobs(bounds.kept, bounds.kept_seconds, bounds.kept_megabytes * 2**20)
        self.beside = ThreadPoolExecutor(2, thread_name_prefix="photos")
        self.tasks: set[asyncio.Task[Any]] = set()
        self.metrics.queue.set_function(self.batcher.queue.qsize)
        self.metrics.doing.set_function(lambda: self.door.requests)

    async def start(self) -> None:
        """Load the model and begin; raises UserError if that model cannot be used."""
        await asyncio.to_thread(self.champion.renew)
        self._reloaded("loaded")
        await self.batcher.warm(self.champion.warm)
        self._task(self.batcher.run())
        self._task(self.champion.watch(self.seconds))

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        for task in list(self.tasks):
            with suppress(asyncio.CancelledError):
                await task
        self.beside.shutdown()
        self.batcher.shutdown()

    @property
    def ready(self) -> bool:
        return self.champion.loaded is not None and not self.door.closed

    @property
    def busy(self) -> bool:
        """Whether something accepted is not answered, or a job's end not known to who asked."""
        return self.door.requests > 0 or any(not job.collected for job in self.jobs)

    async def wear(self, asked: TryOnRequest, visit: Visit, job: Job) -> dict[str, Any]:
        """The job done: its answer. Raises Refusal."""
        began = time.perf_counter()
        pair, decode = await self._decoded(asked, visit)
        warnings = [
            finding.as_json()
            for photo in (pair.person, pair.garment)
            for finding in await self._doctor(warned, photo)
        ]
        job.status = IN_QUEUE
        done = await self._computed(pair, job)
        content, encode = await self._beside(
            encoded, pair.person, done.images["worn"], asked.output_format.upper()
        )
        media = f"image/{asked.output_format}"
        job.files = [(media, content)]
        total = time.perf_counter() - began
        parts = {"decode": decode, "network": done.seconds, "encode": encode}
        for part, seconds in parts.items():
            self.metrics.parts.labels(part).observe(seconds)
        link = f"/v1/output/{job.id}/0"
        return {
            "output": [data_url(content, media) if asked.return_base64 else link],
            "model_version": done.by.label,
            "warnings": warnings + of_options(asked),
            "seconds": round(total, 3),
            "milliseconds": {n: round(1000 * s, 1) for n, s in {**parts, "total": total}.items()},
        }

    async def tryon(self, asked: TryOnRequest, visit: Visit) -> dict[str, Any]:
        """The answer of a request that waits for it."""
        job = Job()
        answer = await self.wear(asked, visit, job)
        if not asked.return_base64:
            job.end(COMPLETED, answer)
            job.collected = True
            self.jobs.keep(job)
        return {"id": job.id, "status": COMPLETED, **answer}

    async def explain(self, asked: TryOnRequest, visit: Visit) -> dict[str, str]:
        """What the try-on is made of."""
        pair, _ = await self._decoded(asked, visit)
        done = await self._computed(pair._replace(explain=True), Job())
        made = {}
        for name, image in done.images.items():
            content, _ = await self._beside(encode_shown, image, "PNG")
            made[name] = data_url(content, "image/png")
        return made

    async def check(self, asked: CheckRequest, visit: Visit) -> dict[str, Any]:
        """What is found in the photos, without dressing anybody."""
        verdict: dict[str, Any] = {"person": None, "garment": None}
        if content := asked.person_image:
            verdict["person"] = await self._examined(visit, "person_image", person_photo, content)
        if content := asked.garment_image:
            verdict["garment"] = await self._examined(
                visit, "garment_image", garment_photo, content, asked.garment_mask
            )
        every = (verdict["person"] or []) + (verdict["garment"] or [])
        return verdict | {"usable": not any(finding["severity"] == "refuse" for finding in every)}

    def accept(self, asked: TryOnRequest, visit: Visit, left: Callable[[], object]) -> Job:
        """Begin a job that is asked about later; left() is called when it has ended."""
        job = Job()
        self.jobs.keep(job)

        async def do() -> None:
            try:
                job.end(COMPLETED, await self.wear(asked, visit, job))
            except Exception as error:
                job.end(FAILED, {"error": self.refused(error).as_json()})
            finally:
                left()

        self._task(do())
        return job

    def refused(self, error: Exception) -> Refusal:
        """What a request is refused with; counted, and logged if it is a fault of the server."""
        if isinstance(error, UserError):
            refusal = refusal_of(error)
        elif isinstance(error, TimeoutError):
            refusal = Unavailable(f"no answer within {self.bounds.seconds:.0f} s")
        else:
            LOG.error("a request failed", exc_info=error)
            refusal = ServerError("the request failed on the server")
        self.metrics.refused.labels(refusal.name).inc()
        return refusal

    async def _decoded(self, asked: TryOnRequest, visit: Visit) -> tuple[Pair, float]:
        """The photos of a request, and the seconds that took."""
        person, of_person = await self._beside(person_photo, asked.person_image, "person_image")
        garment, of_garment = await self._beside(
            garment_photo, asked.garment_image, asked.garment_mask, "garment_image"
        )
        own = person.own is not None and person.own.rgb is not person.rgb
        visit.holds(person.rgb[..., 0].size * (1 + own) + garment.mask.size)
        keys = digest(asked.person_image), digest(asked.garment_image, asked.garment_mask or b"")
        pair = Pair(person, keys[0], garment, keys[1], asked.preserve_input_size)
        return pair, of_person + of_garment

    async def _examined(
        self, visit: Visit, name: str, decode: Callable[..., Any], *content: bytes | None
    ) -> list[dict[str, Any]]:
        try:
            photo, _ = await self._beside(decode, *content, name)
        except UserError as error:
            return [unusable(refusal_of(error))]
        visit.holds(photo.rgb[..., 0].size)
        return [finding.as_json() for finding in await self._doctor(of_photo, photo)]

    async def _doctor(self, asked: Callable[..., list[Finding]], photo: Photo) -> list[Finding]:
        """What the doctor says of a photo, asked for all of it or for what he warns of."""
        findings, _ = await self._beside(asked, photo, self.people, self.loaded().model.size)
        return findings

    def loaded(self) -> Loaded:
        """The model that serves; raises Unavailable if there is none yet."""
        if self.champion.loaded is None:
            raise Unavailable("the model is being loaded")
        return self.champion.loaded

    async def _computed(self, pair: Pair, job: Job) -> Done:
        self.loaded()
        job.status = PROCESSING
        async with asyncio.timeout(self.bounds.seconds):
            return await self.batcher.wear(pair)

    async def _beside(self, work: Callable[..., Made], *given: Any) -> tuple[Made, float]:
        """What the work gives, done in a thread beside, and its seconds there."""

        def timed() -> tuple[Made, float]:
            began = time.perf_counter()
            return work(*given), time.perf_counter() - began

        return await asyncio.get_running_loop().run_in_executor(self.beside, timed)

    def _begun(self, batch: list[Pair]) -> None:
        self.metrics.batch.observe(len(batch))
        distinct = len({p.person_key for p in batch}) + len({p.garment_key for p in batch})
        self.metrics.photos.labels("no").inc(distinct)
        self.metrics.photos.labels("yes").inc(2 * len(batch) - distinct)

    def _reloaded(self, event: str) -> None:
        self.metrics.reloads.labels(event).inc()
        if loaded := self.champion.loaded:
            self.metrics.model.info({"name": loaded.found.name, "version": loaded.found.version})

    def _task(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def digest(*contents: bytes) -> str:
    return "/".join(hashlib.sha256(content).hexdigest() for content in contents)
