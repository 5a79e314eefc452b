"""Functions small enough to say what they saw, and short ways to feed them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from tests.local_cloud.emulator_process import ACCOUNT, Emulator

ROLE = f"arn:aws:iam::{ACCOUNT}:role/function"

CONSUMER = """
import base64, json, os, pathlib, time

def handler(event, context):
    trace = pathlib.Path(os.environ["TRACE"])
    before = trace.read_text().splitlines() if trace.exists() else []
    tried = [n for line in before for n in json.loads(line)["seen"]]
    bodies = [body(record) for record in event["Records"]]
    seen = [b["n"] for b in bodies]
    line = {"seen": seen, "at": time.time(), "shards": [r["eventID"].split(":")[0] for r in event["Records"]]}
    with trace.open("a") as file:
        file.write(json.dumps(line) + "\\n")
    gate = os.environ.get("GATE")
    while gate and any(b.get("wait") for b in bodies) and not pathlib.Path(gate).exists():
        time.sleep(0.01)
    bad = [i for i, b in enumerate(bodies) if tried.count(b["n"]) < b.get("fail", 0)]
    if bad and os.environ.get("MODE") == "partial":
        return {"batchItemFailures": [{"itemIdentifier": sequence(event["Records"][i])} for i in bad]}
    if bad:
        raise ValueError(f"cannot take {seen[bad[0]]}")

def sequence(record):
    return (record.get("kinesis") or {}).get("sequenceNumber") or record["dynamodb"]["SequenceNumber"]

def body(record):
    if "kinesis" in record:
        return json.loads(base64.b64decode(record["kinesis"]["data"]))
    image = record["dynamodb"]["NewImage"]
    return {"n": int(image["n"]["N"]), "fail": int(image.get("fail", {"N": "0"})["N"])}
"""


def zipped(files: dict[str, str]) -> bytes:
    """A deployment package."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


class Cloud:
    """An emulator, and a folder for what its functions note."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator."""
        return self.emulator.client(service)

    def function(
        self, name: str, source: str, *, layers: tuple[str, ...] = (), timeout: int = 20, **env: str
    ) -> str:
        """Create a Python function; returns its ARN."""
        created = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="handler.handler",
            Code={"ZipFile": zipped({"handler.py": source})},
            Timeout=timeout,
            Layers=list(layers),
            Environment={"Variables": env},
        )
        return str(created["FunctionArn"])

    def consumer(self, name: str, **env: str) -> Trace:
        """Create the function that notes what it saw; a record's `fail` says how often it is refused."""
        trace = Trace(self.folder / f"{name}.trace")
        self.function(name, CONSUMER, TRACE=str(trace.path), **env)
        return trace

    def stream(self, name: str, *, shards: int = 1) -> str:
        """Create a Kinesis stream; returns its ARN."""
        kinesis = self.client("kinesis")
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        return str(kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"])

    def put(self, stream: str, *records: dict[str, Any]) -> None:
        """Put records in order, all into one shard (unless split)."""
        entries = [
            {"Data": json.dumps(record).encode(), "PartitionKey": str(record.get("key", "k"))}
            for record in records
        ]
        answer = self.client("kinesis").put_records(StreamName=stream, Records=entries)
        assert answer["FailedRecordCount"] == 0

    def map(self, function: str, source: str, **settings: Any) -> str:
        """Create an event source mapping; returns its UUID."""
        settings = {"StartingPosition": "TRIM_HORIZON", "BatchSize": 100, **settings}
        created = self.client("lambda").create_event_source_mapping(
            FunctionName=function, EventSourceArn=source, **settings
        )
        return str(created["UUID"])


class Trace:
    """What a consumer saw, invocation by invocation."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def invocations(self) -> list[dict[str, Any]]:
        """Every invocation in the order of its begin."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def batches(self) -> list[list[int]]:
        """The numbers of each invocation's records."""
        return [invocation["seen"] for invocation in self.invocations()]

    def seen(self) -> list[int]:
        """The numbers of all records, as often as they came."""
        return [number for batch in self.batches() for number in batch]


def numbers(*which: int, **more: Any) -> list[dict[str, Any]]:
    """Bodies of records, told apart by their number."""
    return [{"n": number, **more} for number in which]
