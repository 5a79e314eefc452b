"""A corrected emulator in a process of its own, and waiting for what it brings about."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from stemtide.store import clients

ACCOUNT = "000000000000"
REPO = Path(__file__).parents[2]
DEADLINE_SECONDS = 20.0
START_SECONDS = 45.0

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within: float = DEADLINE_SECONDS) -> T:
    """The first truthy thing `look` returns; fails after `within` seconds."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {found!r}")
        pause.wait(0.02)
    return found


def records_of(kinesis: Any, stream: str) -> Iterator[dict[str, Any]]:
    """Every record of a stream, shard by shard from its begin."""
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while records := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
            yield from records
            iterator = answer["NextShardIterator"]
            if iterator is None:
                break


class Emulator:
    """`python -m infra.local.emulator.run` on a free port, with its state in a folder."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.process: subprocess.Popen[bytes] | None = None
        self._port = _free_port()

    @property
    def url(self) -> str:
        """The endpoint; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start and wait until it serves."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "STATE_DIR": str(self.state_dir),
            "GATEWAY_PORT": str(self._port),
        }
        with self._log().open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.local.emulator.run"],
                cwd=REPO,
                env=environment,
                stdout=log,
                stderr=log,
            )
        eventually(self._serves, within=START_SECONDS)

    def stop(self) -> int:
        """End it as the local cloud does (SIGTERM); returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)

    def kill(self) -> None:
        """Kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def restart_after_kill(self) -> None:
        """Kill -9, and start on the same state."""
        self.kill()
        self.start()

    def flush(self) -> Any:
        """Have everything in memory written; returns the answer."""
        request = urllib.request.Request(f"{self.url}/_stemtide/flush", method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def client(self, service: str) -> Any:
        """A boto3 client of this emulator that tries every call once."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="any",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def dynamodb(self) -> Any:
        """The product's DynamoDB resource on this emulator."""
        return clients.dynamodb(
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="any",
        )

    def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._log().read_text()
        try:
            urllib.request.urlopen(f"{self.url}/_stemtide/health", timeout=2).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    def _log(self) -> Path:
        self.state_dir.parent.mkdir(parents=True, exist_ok=True)
        return self.state_dir.with_name(f"{self.state_dir.name}.log")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
