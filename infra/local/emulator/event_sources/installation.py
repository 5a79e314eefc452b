"""Puts the engine in the place of the emulator's own stream pollers; its SQS polling stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.local.emulator.patching import EmulatorChanged, expect, replace

from . import filters, resharding
from .model import DEFAULT_STREAM_BATCH, UnsupportedSetting, refuse_unsupported
from .positions import PositionStore
from .streams import is_stream
from .supervisor import Supervisor

REPLACED = {
    "_poll_kinesis": "0d590120d060b0a8b10aadabb1a60cbb31a33d9eb78fcc29a9ade95d839302f9",
    "_poll_dynamodb_streams": "2b2460e933a9f3c3fb00d9e15763d11977533af74787eb39ce1f39bbe6e54e8b",
    "_init_stream_position": "bef560b23a1a98265f4a642cb8b500d02a4a9f00ffab9901bd8bde7b4db5af97",
    "_release_esm_poll_state": "780cf96ac7f873e2c49442c3498dd7127e25f68d64626a6491e920de6845fd0e",
    "_match_esm_filter": "355086b70ce2adbf2d81d31254a315a6839c9c0bae97bbeb1b389a3c512b3888",
    "_create_esm": "d351521bb6cdd30f024e04df12e2d607b091241cc46538f91b6ce693f5e9f2be",
}
RELIED_ON = {
    "_poll_loop": "6a443090919adccf3e405dd7e5603cf353d8d1112635dc3e126f3b5cf8fc3866",
    "_iter_all_esms": "7db06c0627a59696f16e20a197656df6556dc1096ef490720049c2abdeeeec21",
    "_apply_filter_criteria": "d8d7d5c8f77ea1ac431ccaf2e5ae888968c5e3a62d5ac3ef177043011a679fd3",
    "_get_func_record_for_qualifier": "a86e90478088123dc1675e52d0c9ac692f6c91cbadebd1d7eac46575f627c91c",
    "_execute_function": "3ceb16d6480a2161601b152da88f1633573e5143f94de16fab84877d447165be",
}
CLOUDFORMATION_TYPE = "AWS::Lambda::EventSourceMapping"
CLOUDFORMATION_CREATE = "f053a4e8c30c5543a1579983b487487dab95b282c8914f43633e26ba4afc8d74"


def install(positions: PositionStore) -> None:
    """Replace the emulator's stream polling; positions are kept in `positions`. Raises `EmulatorChanged`."""
    from ministack.services import lambda_svc

    for name, source in RELIED_ON.items():
        expect(lambda_svc, name, source_sha256=source)
    supervisor = Supervisor(positions)
    _ring_on_wake(supervisor)
    corrections = (*_polling(lambda_svc, supervisor), _creation(lambda_svc, supervisor))
    for new in (*corrections, filters.corrected(lambda_svc._match_esm_filter)):
        replace(lambda_svc, new.__name__, new, source_sha256=REPLACED[new.__name__])
    _cloudformation(lambda_svc, supervisor)
    resharding.install()


def _ring_on_wake(supervisor: Supervisor) -> None:
    """Every producer sets the emulator's one wake-up event: ring ours with it."""
    from ministack.core.concurrency import esm_wake

    if type(esm_wake).__name__ != "Event":
        raise EmulatorChanged("ministack.core.concurrency.esm_wake is no threading.Event")
    wake_pollers = esm_wake.set

    def wake() -> None:
        wake_pollers()
        supervisor.wake.ring()

    setattr(esm_wake, "set", wake)  # noqa: B010 - replacing a method of one instance


def _polling(lambda_svc: Any, supervisor: Supervisor) -> list[Callable[..., Any]]:
    release = lambda_svc._release_esm_poll_state

    def _poll_kinesis() -> bool:
        return supervisor.reconcile()

    def _poll_dynamodb_streams() -> bool:
        return False

    def _init_stream_position(esm_id: str, source_arn: str, starting: str) -> None:
        supervisor.anchor(esm_id, {"EventSourceArn": source_arn, "StartingPosition": starting})

    def _release_esm_poll_state(esm_id: str) -> None:
        release(esm_id)
        supervisor.release(esm_id)

    return [_poll_kinesis, _poll_dynamodb_streams, _init_stream_position, _release_esm_poll_state]


def _creation(lambda_svc: Any, supervisor: Supervisor) -> Callable[..., Any]:
    """CreateEventSourceMapping with the default batch size, AT_TIMESTAMP, and refusals instead of silence."""
    import json

    create = lambda_svc._create_esm

    def _create_esm(data: dict[str, Any]) -> Any:
        try:
            refuse_unsupported(data)
        except UnsupportedSetting as error:
            return lambda_svc.error_response_json("InvalidParameterValueException", str(error), 400)
        with supervisor.paused():
            status, headers, body = create(_with_defaults(data))
            mapping = lambda_svc._esms.get(json.loads(body).get("UUID"))
            if mapping is not None:
                _add_start_time(mapping, data)
        lambda_svc.esm_wake.set()
        return status, headers, body

    return _create_esm


def _cloudformation(lambda_svc: Any, supervisor: Supervisor) -> None:
    from ministack.services.cloudformation import provisioners

    create = provisioners._lambda_esm_create

    def _lambda_esm_create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        refuse_unsupported(props)
        with supervisor.paused():
            esm_id, attributes = create(logical_id, _with_defaults(props), stack_name)
            _add_start_time(lambda_svc._esms[esm_id], props)
        lambda_svc.esm_wake.set()
        return esm_id, attributes

    handlers = provisioners._RESOURCE_HANDLERS.get(CLOUDFORMATION_TYPE, {})
    if handlers.get("create") is not create:
        raise EmulatorChanged(f"CloudFormation creates {CLOUDFORMATION_TYPE} by another function")
    replace(provisioners, "_lambda_esm_create", _lambda_esm_create, source_sha256=CLOUDFORMATION_CREATE)
    handlers["create"] = _lambda_esm_create


def _with_defaults(data: dict[str, Any]) -> dict[str, Any]:
    return {"BatchSize": DEFAULT_STREAM_BATCH, **data} if is_stream(data) else data


def _add_start_time(mapping: dict[str, Any], data: dict[str, Any]) -> None:
    if data.get("StartingPositionTimestamp") is not None:
        mapping["StartingPositionTimestamp"] = float(data["StartingPositionTimestamp"])
