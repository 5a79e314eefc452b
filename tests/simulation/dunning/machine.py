"""An interpreter of the synthesized state machine: the states it has, by the rules of Amazon States Language.

Time is a heap of instants (epoch ms); a task is a call of the function, which may raise.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

_FIELDS = {
    "Task": {
        *("Type", "Resource", "Parameters", "OutputPath", "ResultPath", "Retry", "Catch", "Next"),
        "TimeoutSecondsPath",
    },
    "Choice": {"Type", "Choices", "Default"},
    "Succeed": {"Type"},
}
CALLBACK = ".waitForTaskToken"
ALL_BUT_TIME_OUTS = "States.TaskFailed"
TOO_LONG = "history"
HISTORY = 1_000
"""Events after which an execution is ended: Step Functions has 25,000, and a month of an episode few."""


@dataclass(slots=True)
class Execution:
    """One execution: where it is, what it was given, how often it has retried, its token; `events` of its
    history so far, `transitions` of states, which is what costs (a retry is one)."""

    name: str
    state: str
    data: dict[str, Any]
    retried: int = 0
    token: str | None = None
    running: bool = True
    events: int = 1
    transitions: int = 0
    failed: str | None = None


@dataclass(slots=True)
class Machine:
    """Runs executions of one definition; `function` is the Lambda function behind its tasks."""

    definition: Mapping[str, Any]
    function: Callable[[dict[str, Any]], dict[str, Any]]
    now_ms: int
    history: int = HISTORY
    executions: dict[str, Execution] = field(default_factory=dict)
    _tokens: dict[str, Execution] = field(default_factory=dict)
    _due: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _order: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        for name, state in self.definition["States"].items():
            unknown = set(state) - _FIELDS[state["Type"]]
            assert not unknown, f"{name} has {unknown}, which this interpreter does not know"

    def start(self, name: str, data: dict[str, Any]) -> None:
        """StartExecution: a name is used once."""
        if name not in self.executions:
            found = self.executions[name] = Execution(name, self.definition["StartAt"], data)
            self.at(self.now_ms, lambda: self._enter(found))

    def ran_too_long(self) -> bool:
        """Whether an execution was ended for its history."""
        return any(one.failed == TOO_LONG for one in self.executions.values())

    def wake(self, token: str) -> None:
        """SendTaskSuccess: of a wait that is over nothing is left."""
        found = self._tokens.pop(token, None)
        if found is not None and found.running and found.token == token:
            found.token = None
            self.at(self.now_ms, lambda: self._next(found))

    def at(self, at_ms: int, act: Callable[[], None]) -> None:
        """Let something happen at an instant."""
        heapq.heappush(self._due, (at_ms, next(self._order), act))

    def run(self, until_ms: int) -> None:
        """Let all happen that is due until then, in its order."""
        while self._due and self._due[0][0] <= until_ms:
            at_ms, _, act = heapq.heappop(self._due)
            self.now_ms = max(self.now_ms, at_ms)
            act()

    def _enter(self, found: Execution) -> None:
        if not found.running:
            return
        state = self.definition["States"][found.state]
        found.transitions += 1
        if not found.retried:
            found.events += 2  # entered, exited
        if found.events > self.history:
            found.running, found.failed = False, TOO_LONG
            return
        match state["Type"]:
            case "Succeed":
                found.running = False
                found.events += 1
            case "Choice":
                found.state = self._chosen(state, found.data)
                self._enter(found)
            case _:
                self._task(found, state)

    def _task(self, found: Execution, state: Mapping[str, Any]) -> None:
        callback = state["Resource"].endswith(CALLBACK)
        found.events += 3 + callback  # scheduled, started, submitted where a callback is awaited, ended
        token = f"{found.name}/{next(self._order)}" if callback else None
        payload = {
            name.removesuffix(".$"): self._value(value, found, token) if name.endswith(".$") else value
            for name, value in state["Parameters"]["Payload"].items()
        }
        if token is not None:
            found.token = token
            self._tokens[token] = found
            seconds = found.data[state["TimeoutSecondsPath"].removeprefix("$.")]
            assert isinstance(seconds, int)
            assert seconds > 0
            self.at(self.now_ms + seconds * 1000, lambda: self._timed_out(found, token))
        try:
            answer = self.function(payload)
        except Exception as error:  # whatever a function raises fails its task
            self._failed(found, state, error)
            return
        if token is None:
            assert state["OutputPath"] == "$.Payload"
            found.data = answer
            self.at(self.now_ms, lambda: self._next(found))

    def _timed_out(self, found: Execution, token: str) -> None:
        if found.token == token:
            self._tokens.pop(token, None)
            found.token = None
            state = self.definition["States"][found.state]
            assert [rule["ErrorEquals"] for rule in state["Retry"]] == [[ALL_BUT_TIME_OUTS]]
            self._caught(found, state)

    def _failed(self, found: Execution, state: Mapping[str, Any], error: Exception) -> None:
        found.token = None
        for rule in state.get("Retry", ()):
            assert rule["ErrorEquals"] in (["States.ALL"], [ALL_BUT_TIME_OUTS])
            if found.retried < rule["MaxAttempts"]:
                seconds = min(
                    rule["IntervalSeconds"] * rule["BackoffRate"] ** found.retried, rule["MaxDelaySeconds"]
                )
                found.retried += 1
                self.at(self.now_ms + int(seconds * 1000), lambda: self._enter(found))
                return
        if state.get("Catch"):
            self._caught(found, state)
        else:
            found.running, found.failed = False, type(error).__name__

    def _caught(self, found: Execution, state: Mapping[str, Any]) -> None:
        rule = state["Catch"][0]
        assert rule["ErrorEquals"] == ["States.ALL"]
        found.state, found.retried = rule["Next"], 0
        self.at(self.now_ms, lambda: self._enter(found))

    def _next(self, found: Execution) -> None:
        found.state, found.retried = self.definition["States"][found.state]["Next"], 0
        self._enter(found)

    def _chosen(self, state: Mapping[str, Any], data: Mapping[str, Any]) -> str:
        for rule in state["Choices"]:
            if data[rule["Variable"].removeprefix("$.")] == rule["StringEquals"]:
                return str(rule["Next"])
        return str(state["Default"])

    def _value(self, path: str, found: Execution, token: str | None) -> Any:
        if path == "$$.Task.Token":
            return token
        return found.data[path.removeprefix("$.")]
