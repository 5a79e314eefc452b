"""A run told in words: what the shortest failing history is printed as."""

from collections.abc import Iterable
from typing import Any

from stemtide.facts import Fact
from stemtide.ports import LedgerRow, OutRecord, QuarantineRow, UsageRow

from tests.simulation import plan as p
from tests.simulation.kinds import CONSUMERS, STEPS, WAKE, StepFault
from tests.simulation.pool import Item

FLAGS = {
    p.SAME_AGAIN: "its answer is lost",
    p.OTHER_BOUNDS: "the batch is cut anew",
    p.RETRIES_REACHED: "the last try",
    p.TOO_OLD: "the first records are too old",
    p.PARTLY_TAKEN: "the stream refuses every other record",
}
HOW = {p.AMBIGUOUS: ", the reply is lost and all are put again", p.PARTLY_REFUSED: ", every other is refused"}
_FAULTS = {number: name for name, number in STEPS.items()}


def of_plan(plan: p.Plan) -> str:
    """The settings of a run in one line."""
    caps = plan.caps
    return (
        f"seed {plan.seed}: {plan.shards} shards, window of {caps.id_window} ids, {caps.inline_users} users "
        f"inline, {caps.event_types} event types, {caps.remembered_ids} ids remembered, "
        f"retries {plan.retries}, bisects {plan.bisects}, child first: {plan.child_first}, "
        f"zombies last: {plan.zombies_last}, cutover: {plan.cutover}"
    )


def of_op(op: p.Op) -> list[str]:
    """One step of a plan."""
    match op:
        case p.Put():
            return [
                f"{len(op.specs)} records after {op.gap_ms} ms{HOW.get(op.how, '')}",
                *map(_spec, op.specs),
            ]
        case p.Invoke():
            said = [text for flag, text in FLAGS.items() if op.flags & flag]
            said += [_fault(fault) for fault in op.faults]
            if op.refused:
                said.append(f"the table refuses {op.refused}")
            return [
                f"{CONSUMERS[op.consumer]}, at most {op.size} records{''.join(f'; {text}' for text in said)}"
            ]
        case p.Reshard():
            return ["a shard is split" if op.split else "two shards are merged"]
        case p.CreateAnew():
            return [f"the stream is worked off, deleted and created with {op.shards} shards, {op.fast=}"]
        case p.Wake():
            return [f"a zombie goes on for {op.steps} steps"]
        case p.Recount():
            return ["; ".join(["a recompute of all days", *map(_fault, op.faults)])]
        case p.Look():
            return ["what was given up is registered, the balance is checked"]


def _fault(fault: StepFault) -> str:
    step, kind, more = fault
    if kind == WAKE:
        return f"before step {step} somebody else goes on for {more} steps"
    return f"step {step}: {_FAULTS[kind]}{f' for {more} steps' if more > 1 else ''}"


def _spec(spec: p.Spec) -> str:
    return f"    key {spec.key}: {' + '.join(_item(item) for item in spec.items)}"


def _item(item: Item) -> str:
    if item.reason is not None:
        return f"[{item.reason}]"
    return f"{item.account} {item.id} ({item.name}, weight {item.weight})"


def told(args: Iterable[Any]) -> str:
    """What an I/O step is about, shortly."""
    return " ".join(_short(arg) for arg in args if not callable(arg))


def _short(arg: Any) -> str:
    if isinstance(arg, list | tuple):
        return "[" + ", ".join(_short(one) for one in arg) + "]"
    if isinstance(arg, UsageRow):
        return f"{arg.account} {arg.sort} v{arg.version}"
    if isinstance(arg, LedgerRow):
        return f"{arg.lane} mark ...{arg.mark % 10**6} {arg.counts}"
    if isinstance(arg, QuarantineRow):
        return f"...{arg.sequence % 10**6} {arg.reason}"
    if isinstance(arg, OutRecord):
        return f"under {arg.key}"
    if isinstance(arg, Fact):
        return f"{arg.kind} {arg.id}, known at {arg.known_ms}"
    text = str(arg)
    return text if len(text) < 40 else f"{text[:28]}...{text[-9:]}"
