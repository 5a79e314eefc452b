"""PutRecords until the stream has acknowledged every record, with bounded patience."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore import exceptions as boto

from stemtide_cli.errors import CliError
from stemtide_cli.packing import Entry
from stemtide_cli.stack import Stack

PATIENCE_S: Final = 60.0
"""Without a single acknowledged record for this long a replay gives up (it can be resumed)."""
ABSENCE_S: Final = 15.0
"""The same where nothing answers at the endpoint at all."""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
TRANSIENT: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
        "KMSThrottlingException",
        "ThrottlingException",
        "Throttling",
        "InternalFailure",
        "ServiceUnavailable",
        "InternalServerError",
    }
)
UNREACHABLE: Final = (boto.ConnectionError, boto.HTTPClientError)
SERVER_ERROR: Final = 500
RESUME: Final = "run the same command again: it resumes where the stream's acknowledgements end"


class StreamGoneError(CliError):
    """The stream does not answer, or is not the one that the replay began with."""


@dataclass(slots=True, kw_only=True)
class StreamWriter:
    """Writes to one incarnation of one stream.

    Args:
        kinesis: a boto3 client that does not retry by itself.
        say: told about every wait.
        restart: what to do when nothing answers, in words.
    """

    kinesis: Any
    stream: str
    restart: str
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    incarnation: int = 0
    retried: int = field(default=0)

    def open(self) -> int:
        """Look the stream up; returns its incarnation (creation time in epoch milliseconds).

        Raises:
            StreamGoneError: there is no such stream.
        """
        try:
            summary = self.kinesis.describe_stream_summary(StreamName=self.stream)
        except boto.ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise StreamGoneError(
                f"there is no stream {self.stream!r}", hint="deploy the stack: `make up`"
            ) from error
        created = summary["StreamDescriptionSummary"]["StreamCreationTimestamp"]
        self.incarnation = round(created.timestamp() * 1000)
        return self.incarnation

    def put(self, entries: Sequence[Entry]) -> None:
        """Returns when every entry is acknowledged; only the failed ones are sent again.

        Raises:
            StreamGoneError: nothing answers for ABSENCE_S, or the stream was created anew meanwhile.
            CliError: no progress for PATIENCE_S.
        """
        left = list(entries)
        waited_since = self.clock()
        pause = FIRST_PAUSE_S
        while True:
            failed, why, absent = self._attempt(left)
            if not failed:
                return
            if len(failed) < len(left):
                waited_since, pause = self.clock(), FIRST_PAUSE_S
            left = failed
            self.retried += len(left)
            if self.clock() - waited_since >= (ABSENCE_S if absent else PATIENCE_S):
                raise self._give_up(why, absent=absent)
            self.say(f"not acknowledged: {len(left)} of {len(entries)} records ({why}); trying again")
            self.sleep(pause * (0.5 + self.jitter() / 2))
            pause = min(pause * 2, LONGEST_PAUSE_S)
            if absent:
                self._same_stream()

    def _attempt(self, entries: list[Entry]) -> tuple[list[Entry], str, bool]:
        """Send once: the entries that are not acknowledged, why, and whether nothing answered."""
        records = [{"Data": entry.data, "PartitionKey": entry.account} for entry in entries]
        try:
            answer = self.kinesis.put_records(StreamName=self.stream, Records=records)
        except UNREACHABLE as error:
            return entries, str(error), True
        except boto.ClientError as error:
            if not is_transient(error):
                raise
            return entries, error.response["Error"].get("Code", ""), False
        results = zip(entries, answer["Records"], strict=True)
        failed = [(entry, result["ErrorCode"]) for entry, result in results if result.get("ErrorCode")]
        return [entry for entry, _ in failed], ", ".join(sorted({code for _, code in failed})), False

    def _same_stream(self) -> None:
        """After an outage: a stream created anew would take the rest of a log it has no beginning of."""
        before = self.incarnation
        try:
            now = self.open()
        except UNREACHABLE:
            return
        if now != before:
            raise StreamGoneError(
                f"the stream {self.stream!r} was created anew during the replay",
                hint="run the same command again: it starts from the beginning",
            )

    def _give_up(self, why: str, *, absent: bool) -> CliError:
        if absent:
            return StreamGoneError(
                f"nothing answers for the stream {self.stream!r} ({why})", hint=self.restart
            )
        return CliError(f"the stream {self.stream!r} takes nothing any more ({why})", hint=RESUME)


def is_transient(error: boto.ClientError) -> bool:
    """Whether a refusal passes by itself: a throttle, or the service's own trouble."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code in TRANSIENT or status >= SERVER_ERROR


def writer_to(stack: Stack, say: Callable[[str], None]) -> StreamWriter:
    """A writer to the stack's event stream."""
    local = "start it again with `make up` and re-run the same command: it resumes"
    return StreamWriter(
        kinesis=stack.client("kinesis", attempts=1),
        stream=stack.event_stream,
        restart=local if stack.is_local else f"check the network; {RESUME}",
        say=say,
    )
