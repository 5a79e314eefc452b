"""Properties that the emulator's CloudFormation forgets, set through the services' own operations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from infra.local.emulator.patching import EmulatorChanged, replace

SHA256 = {
    "_ddb_create": "277586e016c693bd24c48e035ce2462bc8a6a2a7bad88531b3282eb881aa2d8d",
    "_ddb_update": "0665980ffdd064916e0e92c990a498d09b787ca0c11a08a77293773f9fe80bc7",
    "_kinesis_stream_create": "7954dbe7b50690d1f4c6f45de7c2e715e7e6b0ec9cba0f71c07be01b734c13a3",
}
TABLE, STREAM = "AWS::DynamoDB::Table", "AWS::Kinesis::Stream"
INTERRUPTED = {
    "CREATE_IN_PROGRESS": "ROLLBACK_COMPLETE",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_COMPLETE",
    "UPDATE_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
    "REVIEW_IN_PROGRESS": "REVIEW_IN_PROGRESS",
}


class PropertyRefusedError(ValueError):
    """A service's operation refused what the template asks for."""


def install() -> None:
    """Put the provisioning of tables and streams in place. Raises `EmulatorChanged`."""
    from ministack.services.cloudformation import provisioners

    create_table, update_table = provisioners._ddb_create, provisioners._ddb_update
    create_stream = provisioners._kinesis_stream_create

    def _ddb_create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        name, attributes = create_table(logical_id, props, stack_name)
        _complete_table(name, {}, props)
        return name, attributes

    def _ddb_update(
        physical_id: str,
        old_props: dict[str, Any],
        new_props: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
    ) -> Any:
        name, attributes = update_table(physical_id, old_props, new_props, stack_name, logical_id)
        _complete_table(name, old_props if name == physical_id else {}, new_props)
        return name, attributes

    def _kinesis_stream_create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        name, attributes = create_stream(logical_id, props, stack_name)
        _encrypt(name, props)
        return name, attributes

    for kind, event, new in (
        (TABLE, "create", _ddb_create),
        (TABLE, "update", _ddb_update),
        (STREAM, "create", _kinesis_stream_create),
    ):
        replace_handler(provisioners, kind, event, new, source_sha256=SHA256[new.__name__])


def end_interrupted_operations() -> None:
    """Give stacks whose operation died with the previous process a state from which `cdk deploy` goes on."""
    from ministack.services import cloudformation

    for stack in cloudformation._stacks.all_values():
        status = stack.get("StackStatus", "")
        if status in INTERRUPTED:
            stack["StackStatus"] = INTERRUPTED[status]


def replace_handler(
    provisioners: Any, kind: str, event: str, new: Callable[..., Any], *, source_sha256: str
) -> None:
    """Replace a provisioning function in its module and its table of handlers. Raises `EmulatorChanged`."""
    handlers = provisioners._RESOURCE_HANDLERS.get(kind, {})
    if handlers.get(event) is not getattr(provisioners, new.__name__):
        raise EmulatorChanged(f"CloudFormation's {event} of {kind} is another function")
    replace(provisioners, new.__name__, new, source_sha256=source_sha256)
    handlers[event] = new


def _complete_table(name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Time to live, point-in-time recovery and encryption of a table."""
    from ministack.services import dynamodb

    expiry = new.get("TimeToLiveSpecification")
    before = old.get("TimeToLiveSpecification")
    if expiry != before:
        setting = expiry or {**(before or {}), "Enabled": False}
        setting = {**setting, "Enabled": _is_true(setting.get("Enabled"))}
        _call(dynamodb._update_ttl, {"TableName": name, "TimeToLiveSpecification": setting})
    recovery = new.get("PointInTimeRecoverySpecification")
    if recovery != old.get("PointInTimeRecoverySpecification"):
        enabled = {"PointInTimeRecoveryEnabled": _is_true((recovery or {}).get("PointInTimeRecoveryEnabled"))}
        request = {"TableName": name, "PointInTimeRecoverySpecification": {**(recovery or {}), **enabled}}
        _call(dynamodb._update_continuous_backups, request)
    encryption = new.get("SSESpecification")
    if encryption and encryption != old.get("SSESpecification"):
        stored = {**encryption, "Enabled": _is_true(encryption.get("SSEEnabled"))}
        dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(stored)


def _encrypt(name: str, props: dict[str, Any]) -> None:
    encryption = props.get("StreamEncryption")
    if encryption:
        from ministack.services import kinesis

        _call(kinesis._start_stream_encryption, {"StreamName": name, **encryption})


def _call(operation: Callable[[dict[str, Any]], Any], request: dict[str, Any]) -> None:
    status, _, body = operation(request)
    if status != 200:
        raise PropertyRefusedError(f"{operation.__name__}: {json.loads(body).get('message', body)}")


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"
