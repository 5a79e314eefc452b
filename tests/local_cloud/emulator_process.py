"""A corrected emulator of one's own, and functions small enough to say what they saw."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/function"
REPO = Path(__file__).parents[2]
DEADLINE_SECONDS = 20.0

T = TypeVar("T")

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


def eventually(look: Callable[[], T], *, within: float = DEADLINE_SECONDS) -> T:
    """The first truthy thing `look` returns; fails after `within` seconds."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {found!r}")
        pause.wait(0.02)
    return found


def zipped(files: dict[str, str]) -> bytes:
    """A deployment package."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


class Emulator:
    """A process `python -m infra.local.emulator.run` on its own port and folder."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it serves."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "STATE_DIR": str(self.folder / "state"),
            "GATEWAY_PORT": str(self.port),
        }
        with (self.folder / "emulator.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.local.emulator.run"],
                cwd=REPO,
                env=environment,
                stdout=log,
                stderr=log,
            )
        eventually(self._serves, within=30.0)

    def kill(self) -> None:
        """Kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        """End it properly."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    def client(self, service: str) -> Any:
        """A boto3 client of this emulator."""
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="any",
            config=Config(s3={"addressing_style": "path"}),
        )

    def _serves(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "emulator.log").read_text()
        import urllib.error
        import urllib.request

        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stemtide/health", timeout=2).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

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
        """Create the function that notes what it saw; `fail` in a record makes it refuse it that many times."""
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
