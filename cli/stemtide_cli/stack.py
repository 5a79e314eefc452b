"""The deployed stack that the commands talk to, as `stack.json` describes it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import boto3
import msgspec
from botocore.config import Config
from stemtide.store import clients
from stemtide.store.pace import MAX_THREADS

from stemtide_cli.errors import CliError

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
LOCAL_ACCESS_KEY_ID = "000000000000"
LOCAL_SECRET_ACCESS_KEY = "test"  # noqa: S105 - the local cloud's fixed, public key


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The keys of `stack.json`; None (or an empty mapping) for what does not exist."""

    region: str
    event_stream: str
    event_bus: str
    buckets: Mapping[str, str]
    tables: Mapping[str, str]
    endpoint_url: str | None = None
    queues: Mapping[str, str] = field(default_factory=dict)
    topics: Mapping[str, str | None] = field(default_factory=dict)
    state_machines: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    config_path: str | None = None
    api_url: str | None = None
    api_tokens: Mapping[str, str] = field(default_factory=dict)
    write_key: str | None = None
    clock_scale: float = 1.0
    mailbox_url: str | None = None
    slack_url: str | None = None
    slack_signing_secret: str | None = None
    payments_url: str | None = None
    payments_api_key: str | None = None
    webhook_secrets: Mapping[str, str] = field(default_factory=dict)
    provider_key_secret: str | None = None
    ws_url: str | None = None
    dashboard_url: str | None = None

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    @classmethod
    def load(cls, path: Path) -> Self:
        """The stack that a file describes; keys of newer versions are ignored.

        Raises:
            CliError: the file is no JSON object, or a needed key is missing.
        """
        again = "run `make up` again (a real account: `make deploy`): it writes the file anew"
        try:
            content = json.loads(path.read_text())
        except ValueError as error:
            raise CliError(f"{path} is not valid JSON: {error}", hint=again) from error
        if not isinstance(content, dict):
            raise CliError(f"{path} holds no JSON object", hint=again)
        known = {f.name for f in fields(cls)}
        given = {key: value for key, value in content.items() if key in known and value is not None}
        missing = {"region", "event_stream", "event_bus", "buckets", "tables"} - set(given)
        if missing:
            raise CliError(f"{path} lacks {', '.join(sorted(missing))}", hint=again)
        try:
            return msgspec.convert(given, cls)
        except msgspec.ValidationError as error:
            raise CliError(f"{path}: {error}", hint=again) from error

    def client(self, service: str, *, attempts: int = 4, read_timeout_s: int = READ_TIMEOUT_S) -> Any:
        """A boto3 client; the local cloud's fixed key, or the caller's own credentials on AWS.

        Args:
            attempts: tries of one request; 1 where the caller retries by itself.
            read_timeout_s: how long an answer may take.
        """
        return boto3.client(service, **self._arguments(attempts, read_timeout_s))

    def table(self, role: str) -> Any:
        """The boto3 table resource of one role (`usage`, `accounts`, `ingest`)."""
        return clients.dynamodb(**self._arguments(4)).Table(self.tables[role])

    def _arguments(self, attempts: int, read_timeout_s: int = READ_TIMEOUT_S) -> dict[str, Any]:
        config = Config(
            max_pool_connections=MAX_THREADS,
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=read_timeout_s,
            retries={"total_max_attempts": attempts, "mode": "standard"},
        )
        arguments: dict[str, Any] = {"region_name": self.region, "config": config}
        if self.endpoint_url is not None:
            arguments |= {
                "endpoint_url": self.endpoint_url,
                "aws_access_key_id": LOCAL_ACCESS_KEY_ID,
                "aws_secret_access_key": LOCAL_SECRET_ACCESS_KEY,
            }
        return arguments


def project_root(start: Path | None = None) -> Path:
    """The checkout around the current folder, else the one that this package is installed from."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "cdk.json").is_file() and (folder / "cli" / "stemtide_cli").is_dir():
            return folder
    return Path(__file__).resolve().parents[2]


def find_stack_file(given: Path | None, *, env: Mapping[str, str] = os.environ) -> Path:
    """`--stack`, else STEMTIDE_STACK, else the checkout's local stack, else its deployed one.

    Raises:
        CliError: there is no such file.
    """
    named = given or (Path(env["STEMTIDE_STACK"]) if env.get("STEMTIDE_STACK") else None)
    if named is not None:
        if named.is_file():
            return named
        raise CliError(f"there is no stack file at {named}", hint="give an existing one, or run `make up`")
    build = project_root() / "build"
    local = Path(env.get("STEMTIDE_LOCAL_DIR") or build / "local")
    for path in (local / "stack.json", build / "aws" / "stack.json"):
        if path.is_file():
            return path
    raise CliError(
        f"no stack is deployed: {local / 'stack.json'} does not exist",
        hint="run `make up` for a local one (a real account: `make deploy`), or give --stack FILE",
    )
