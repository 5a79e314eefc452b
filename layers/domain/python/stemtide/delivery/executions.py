"""Executions of a state machine, one per run of a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError

from stemtide.plays.play import Journey, Play
from stemtide.runs import Moved
from stemtide.store.errors import code_of, translated

EXISTS: Final = "ExecutionAlreadyExists"
GONE: Final = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
"""A wait that is over already: timed out, answered, or of an execution that has ended."""
UNKNOWN: Final = "ExecutionDoesNotExist"
RUNNING: Final = "RUNNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Executions:
    """`runs.Runs` on Step Functions (boto3 client); `machine` is the state machine's ARN."""

    client: Any
    machine: str

    def start(self, row: Moved, /) -> None:
        """Start the row's run; one of the same name, running or over, is left as it is.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        told = msgspec.json.encode({"episode": row.id, "run": row.run}).decode()
        _but_for(
            {EXISTS},
            self.client.start_execution,
            stateMachineArn=self.machine,
            name=row.execution,
            input=told,
        )

    def runs(self, row: Moved, /) -> bool:
        """Whether the row's run is under way.

        Raises:
            UnavailableError: no answer.
        """
        arn = f"{self.machine.replace(':stateMachine:', ':execution:')}:{row.execution}"
        found = _but_for({UNKNOWN}, self.client.describe_execution, executionArn=arn)
        return found is not None and found["status"] == RUNNING

    def wake(self, token: str, /) -> None:
        """End a wait; one that is over already is left as it is.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        wake(self.client, token)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayExecutions:
    """`runs.Runs` for plays: each journey has a state machine of its own (ARN by journey)."""

    client: Any
    machines: Mapping[Journey, str]

    def start(self, row: Moved, /) -> None:
        """Start the play's run; one of the same name, running or over, is left as it is.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        self._of(row).start(row)

    def runs(self, row: Moved, /) -> bool:
        """Whether the play's run is under way.

        Raises:
            UnavailableError: no answer.
        """
        return self._of(row).runs(row)

    def wake(self, token: str, /) -> None:
        """End a wait; one that is over already is left as it is: a token says by itself whose it is.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        wake(self.client, token)

    def _of(self, row: Moved) -> Executions:
        assert isinstance(row, Play)
        return Executions(client=self.client, machine=self.machines[row.journey])


def wake(client: Any, token: str) -> None:
    """End a wait of whichever state machine; one that is over already is left as it is.

    Raises:
        UnavailableError: outcome unknown; the same again is safe.
    """
    _but_for(GONE, client.send_task_success, taskToken=token, output="{}")


def _but_for(codes: set[str] | frozenset[str], call: Any, **arguments: Any) -> Any:
    """The answer of a call, None for the errors that mean what is wanted anyway."""
    try:
        with translated():
            return call(**arguments)
    except ClientError as error:
        if code_of(error) not in codes:
            raise
        return None
