"""Event source mappings on SQS queues: batches of the size and after the window that the mapping says.

The emulator gives a function ten messages at most and at once; whatever a killed emulator had received stays
invisible for the whole visibility time-out, which on AWS happens only when the poller itself is lost.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from infra.local.emulator.patching import expect, replace

RECEIVE = "f230dbcd4974adcf5f22b7a8c3d72e41deff97d5ccd39b990f59af9fe9910ff0"
CONCURRENCY = "d3e9d1e865aa0b28e7873a2ec3d794ce0383435741658f6fdec000b1b0d9b224"
RELIED_ON = {
    "lambda_svc._poll_sqs": "e438a6a1e09482dc121bc3105d2410c10ed7c582890db22e686153784ea18161",
    "lambda_svc._run_sqs_batch": "f9bf630aabf3d1b9dba295fc9929df7230c454d5e530da6fed883be0097500cd",
    "sqs._collect_msgs": "308a6eb1b3d4c8ad5e5e63b0abb0e8ae9556d70f8c8126bfa221b0b3dbf6360a",
}


def install() -> None:
    """Replace how mapped queues are received from. Raises `EmulatorChanged`."""
    from ministack.services import lambda_svc, sqs

    modules = {"lambda_svc": lambda_svc, "sqs": sqs}
    for path, source in RELIED_ON.items():
        module, _, name = path.partition(".")
        expect(modules[module], name, source_sha256=source)

    def _receive_messages_for_esm(queue_url: str, max_number: int) -> list[dict[str, Any]]:
        with sqs._queues_lock:
            queue = sqs._get_q(queue_url)
            attributes = queue["attributes"]
            sqs._expire_retained(queue)
            sqs._dlq_sweep(queue)
            size, window = max(1, int(max_number or 1)), _window_s(attributes.get("QueueArn", ""))
            if not is_due(queue["messages"], size=size, window_s=window, now=time.time()):
                return []
            received: list[dict[str, Any]] = sqs._collect_msgs(
                queue, size, int(attributes.get("VisibilityTimeout", "30"))
            )
            return received

    concurrency = lambda_svc._sqs_esm_concurrency

    def _sqs_esm_concurrency(
        esm: dict[str, Any],
        func_rec: dict[str, Any],
        config: dict[str, Any],
        queue: dict[str, Any] | None = None,
    ) -> int:
        """CloudFormation's numbers may be text."""
        limit = (esm.get("ScalingConfig") or {}).get("MaximumConcurrency")
        numeric = {**esm, "ScalingConfig": {"MaximumConcurrency": int(limit)}} if limit else esm
        return int(concurrency(numeric, func_rec, config, queue))

    replace(sqs, "_receive_messages_for_esm", _receive_messages_for_esm, source_sha256=RECEIVE)
    replace(lambda_svc, "_sqs_esm_concurrency", _sqs_esm_concurrency, source_sha256=CONCURRENCY)


def is_due(messages: Sequence[dict[str, Any]], *, size: int, window_s: float, now: float) -> bool:
    """Whether a batch is full, or its first message has waited for the window."""
    visible = [message for message in messages if message.get("visible_at", 0) <= now]
    if len(visible) >= size:
        return True
    waited = (now - max(message.get("visible_at", 0), message["sent_at"]) for message in visible)
    return max(waited, default=-1.0) >= window_s


def release_received() -> None:
    """After a start: what the ended process had handed to functions comes again at once."""
    from ministack.services import lambda_svc, sqs

    mapped = {esm.get("EventSourceArn") for _, _, esm in lambda_svc._iter_all_esms()}
    now = time.time()
    for queue in sqs._queues.all_values():
        if queue["attributes"].get("QueueArn") in mapped:
            for message in queue["messages"]:
                if message.get("receive_count") and message["visible_at"] > now:
                    message["visible_at"] = now


def _window_s(queue_arn: str) -> float:
    """The longest window of the mappings on a queue."""
    from ministack.services import lambda_svc

    windows = (
        float(esm.get("MaximumBatchingWindowInSeconds") or 0)
        for _, _, esm in lambda_svc._iter_all_esms()
        if esm.get("EventSourceArn") == queue_arn
    )
    return max(windows, default=0.0)
