"""Dead letters put back: into the stream, into the archive, or through their function again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

import msgspec
from stemtide.archive import object_key, pack
from stemtide.calls import day_of
from stemtide.dead_letters import DeadLetter, TableDeadLetter, lane_among, parse_dead_letter
from stemtide.kinesis_event import Delivered
from stemtide.lanes import incarnation_of
from stemtide.requeue import put_back
from stemtide.resend import chunks
from stemtide.store.archive_objects import S3Objects
from stemtide.store.dead_letters import DeadRow, mark_requeued
from stemtide.store.ledger import AGGREGATE, ARCHIVE, read_lanes
from stemtide.store.recomputes import note_due

from stemtide_cli.errors import CliError
from stemtide_cli.functions import LONGEST_S
from stemtide_cli.packing import Entry
from stemtide_cli.sender import StreamWriter
from stemtide_cli.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeue:
    """Puts dead letters back, each as a whole, then marks it: an interrupted one may be repeated.

    What is put twice keeps its message ids, its place in the archive, or its change: it counts once, at the
    latest after the recompute of its days, which is noted as owed before the mark.
    """

    stack: Stack
    writer: StreamWriter

    def put_back(self, row: DeadRow) -> None:
        """Put a dead letter back and mark its row.

        Raises:
            CliError: its payload is gone or no dead letter, or its function failed on it again.
        """
        body = self._body(row)
        try:
            dead = parse_dead_letter(body)
        except (KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
            hint = f"look at it: s3://{self.stack.buckets['dead_letters']}/{row.key}"
            raise CliError(f"{row.id} is no dead letter: {error}", hint=hint) from error
        now = datetime.now(UTC).isoformat()
        table = self.stack.table("ingest")
        if isinstance(dead, TableDeadLetter):
            self._invoke(row, body)
        elif row.events:  # else only the acknowledgement was lost
            if dead.consumer == AGGREGATE:
                self._into_stream(dead.records)
            else:
                self._into_archive(row, dead)
            note_due(table, {day_of(record.arrival_ms) for record in dead.records}, at=now)
        mark_requeued(table, row, now)

    def _body(self, row: DeadRow) -> bytes:
        s3 = self.stack.client("s3")
        try:
            body: bytes = s3.get_object(Bucket=self.stack.buckets["dead_letters"], Key=row.key)["Body"].read()
        except s3.exceptions.NoSuchKey as error:
            hint = "its retention (dead_letter_retention_days) is over; the archive may have its records"
            raise CliError(f"the payload of {row.id} is gone", hint=hint) from error
        return body

    def _into_stream(self, records: Sequence[Delivered]) -> None:
        out = [put_back(record) for record in records]
        self.writer.open()
        for chunk in chunks(out, range(len(out))):
            self.writer.put([Entry(account=out[at].key, data=out[at].data, calls=1) for at in chunk])

    def _into_archive(self, row: DeadRow, dead: DeadLetter) -> None:
        """Write what the archive's consumer would have written, where it would have."""
        objects = S3Objects(client=self.stack.client("s3"), bucket=self.stack.buckets["archive"])
        lane = row.lane
        if not incarnation_of(lane):  # nothing was known of the stream when it was registered
            table = self.stack.table("ingest")
            known = [one.lane for consumer in (AGGREGATE, ARCHIVE) for one in read_lanes(table, consumer)]
            lane = lane_among(dead, known)
        for day, run in groupby(dead.records, key=lambda record: day_of(record.arrival_ms)):
            records = list(run)
            objects.put(object_key(lane, day, records), pack(records))

    def _invoke(self, row: DeadRow, body: bytes) -> None:
        """Give the changes to their function again."""
        content = msgspec.json.decode(body)
        payload = content["payload"]
        event = payload if isinstance(payload, str) else json.dumps(payload)
        name = str(content["requestContext"]["functionArn"]).split(":")[6]
        client = self.stack.client("lambda", attempts=1, read_timeout_s=LONGEST_S)
        answer = client.invoke(FunctionName=name, Payload=event.encode())
        said = json.loads(answer["Payload"].read() or b"null")
        failed = answer.get("FunctionError") or (said or {}).get("batchItemFailures")
        if failed:
            hint = f"its log group /aws/lambda/{name} has the details; repair the cause and run it again"
            raise CliError(f"{name} failed on {row.id} again", hint=hint)


def chosen(rows: Iterable[DeadRow], ids: Sequence[str]) -> list[DeadRow]:
    """The rows with these ids (or object keys), in this order.

    Raises:
        CliError: there is no such row, or it was put back before.
    """
    listed = list(rows)
    by_name = {row.id: row for row in listed} | {row.key: row for row in listed}
    for one in ids:
        if one not in by_name:
            raise CliError(f"there is no dead letter {one!r}", hint="`stemtide requeue` lists them")
        if (at := by_name[one].requeued_at) is not None:
            raise CliError(f"{one} was put back at {at}", hint="nothing is left to do")
    return [by_name[one] for one in dict.fromkeys(ids)]
