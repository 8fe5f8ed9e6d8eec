"""What Prometheus reads at /metrics. Nothing of a picture is in it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Of one server; several in one process do not mix."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.latency = Histogram(
            "pfafn_request_seconds", "From a request's start to its answer.",
            ["route", "status"], buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.parts = Histogram(
            "pfafn_part_seconds", "Of a try-on: decode, network, encode.", ["part"],
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.batch = Histogram(
            "pfafn_batch_pairs", "Try-ons computed together.", buckets=SIZES, registry=registry
        )
        self.photos = Counter(
            "pfafn_encoded_photos", "Photos encoded, and those that others in a batch had as well.",
            ["shared"], registry=registry,
        )  # fmt: skip
        self.queue = Gauge("pfafn_queue_pairs", "Try-ons that wait.", registry=registry)
        self.doing = Gauge("pfafn_requests", "Requests being done.", registry=registry)
        self.refused = Counter(
            "pfafn_refused", "Requests refused, by reason.", ["reason"], registry=registry
        )
        self.reloads = Counter(
            "pfafn_reloads", "Other models: swapped in, or kept out as they could not be used.",
            ["outcome"], registry=registry,
        )  # fmt: skip
        self.model = Info("pfafn_model", "The model that serves.", registry=registry)
