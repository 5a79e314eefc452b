"""The shortest history that still goes wrong: delta debugging over a plan (Zeller, Hildebrandt, 2002)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from tests.simulation.plan import CreateAnew, Invoke, Op, Plan, Put, Recount, size_of

T = TypeVar("T")
MAX_RUNS: Final = 4_000
"""Runs that a history may cost: about half a minute."""


def shrink(plan: Plan, fails: Callable[[Plan], bool], *, max_runs: int = MAX_RUNS) -> Plan:
    """The smallest plan found that fails; `plan` itself must."""
    left = [max_runs]

    def still_fails(candidate: Plan) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    best = plan
    while left[0] > 0:
        before = size_of(best)
        best = _fewer_ops(best, still_fails)
        best = _simpler_ops(best, still_fails)
        if size_of(best) == before:
            break
    return best


def _fewer_ops(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    ops = fewest(plan.ops, lambda ops: fails(replace(plan, ops=tuple(ops))))
    return replace(plan, ops=tuple(ops))


def fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """Fewer of the items, as long as it fails with them: halves first, then quarters, at last one by one."""
    chunk = max(1, len(items) // 2)
    while True:
        start = 0
        while start < len(items):
            without = [*items[:start], *items[start + chunk :]]
            if fails(without):
                items = without
            else:
                start += chunk
        if chunk == 1:
            return items
        chunk //= 2


def _simpler_ops(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    for at in range(len(plan.ops)):
        before, after = plan.ops[:at], plan.ops[at + 1 :]
        plan = replace(plan, ops=(*before, _simplest(plan, at, fails), *after))
    return plan


def _simplest(plan: Plan, at: int, fails: Callable[[Plan], bool]) -> Op:
    """The step at a place with as little in it as the failure needs."""

    def fails_with(op: Op) -> bool:
        return fails(replace(plan, ops=(*plan.ops[:at], op, *plan.ops[at + 1 :])))

    op = plan.ops[at]
    if isinstance(op, Put):
        op = _fewer_specs(op, fails_with)
    while (simpler := next(filter(fails_with, _simpler(op)), None)) is not None:
        op = simpler
    return op


def _fewer_specs(put: Put, fails: Callable[[Put], bool]) -> Put:
    specs = fewest(put.specs, lambda specs: fails(put._replace(specs=tuple(specs))))
    return put._replace(specs=tuple(specs))


def _simpler(op: Op) -> Iterator[Op]:
    """The same step with less in it; each of its own."""
    if isinstance(op, Put):
        yield from _simpler_put(op)
    if isinstance(op, Invoke | Recount):
        for number in range(len(op.faults)):
            yield op._replace(faults=(*op.faults[:number], *op.faults[number + 1 :]))
    if isinstance(op, Invoke):
        for simpler in ({"flags": 0}, {"refused": None}, {"environment": 0}, {"size": 60}, {"pick": 0}):
            if op._replace(**simpler) != op:
                yield op._replace(**simpler)
    if isinstance(op, CreateAnew) and op.fast:
        yield op._replace(fast=False)


def _simpler_put(op: Put) -> Iterator[Op]:
    if op.how:
        yield op._replace(how=0)
    for number, spec in enumerate(op.specs):
        if len(spec.items) > 1:
            one = spec._replace(items=spec.items[:1], batch=False)
            yield op._replace(specs=(*op.specs[:number], one, *op.specs[number + 1 :]))
