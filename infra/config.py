"""Deployment settings: one frozen record with the defaults of a real account.

`LOCAL` is the whole list of what differs on a laptop. A company changes a setting in `cdk.json`, under
`context.deployment`, or for one run with `-c name=value`.
"""

import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from stemtide.clock import REAL_TIME
from stemtide.config_schema import Ingest

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,18}[a-z0-9]")
"""Stacks begin with a letter; buckets, which bear the name too, are in lower case, 63 characters at most."""
MOST_DAYS: Final = 36_500


class SettingError(ValueError):
    """A deployment setting that does not exist or cannot be; the message names it and says what may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Everything about a deployment that is not about the customer's own events (see stemtide.toml)."""

    name: str = "stemtide"
    """Prefix of stacks and of the few fixed names: a second deployment in one account needs another."""
    architecture: str = "x86_64"
    """`x86_64` or `arm64` (about 20 % cheaper a millisecond): of the functions and of their layers."""
    python_version: str = "3.13"
    """The functions' runtime, and what the third-party layer is bundled for."""
    native_layers: bool = False
    """Bundle the third-party layer for this machine's interpreter instead of for AWS Lambda."""

    keep_data: bool = True
    """Tables, buckets, stream, key and user pool outlive their stack, and deleting them is refused."""
    log_retention_days: int = 30
    stream_retention_days: int = 7
    """How long a consumer may be down before events are lost."""
    dead_letter_retention_days: int = 365
    noncurrent_version_days: int = 30
    """How long an overwritten or deleted object can be brought back."""

    aggregate_window_s: int = 10
    """Events gathered before a write: longer is cheaper (an account's share a write), shorter is fresher."""
    archive_window_s: int = 60
    """Events gathered into one archive object: longer makes fewer and larger objects."""

    profile_window_s: int = 5
    """Facts gathered before profiles are folded: a burst of facts about an account is one fold."""
    detect_window_s: int = 5
    """Changes of the tables gathered before drops are looked for: with `aggregate_window_s` it bounds how
    soon a drop is followed by a score."""
    billing_window_s: int = 1
    """Events of the payment provider gathered before they are worked off: those about one object are one look
    at it."""
    score_window_s: int = 3
    """Drops or logins gathered before accounts are scored: a wave of them is few invocations."""
    score_concurrency: int = 10
    """Deliveries of drops that are scored at a time."""
    login_concurrency: int = 5
    """Deliveries of logins that are scored at a time: what is left to drops does not depend on them."""
    recompute_concurrency: int = 10
    """Buckets of accounts that a recompute sets right at a time."""
    sweep_concurrency: int = 10
    """Batches of 500 accounts that the nightly run scores at a time."""

    token_minutes: int = 60
    """Validity of a person's ID token; the refresh token lasts `refresh_days`."""
    refresh_days: int = 30
    require_mfa: bool = False
    """Whether everybody must use a one-time password; otherwise everybody may."""
    requests_per_second: int = 500
    """Throttle of the HTTP API; a request to `POST /v1/events` may carry a batch."""
    request_burst: int = 1000

    api_address: str = ""
    """Address of the HTTP API in the links of mails, e.g. `https://api.acme.com`, if it stands behind a
    domain of yours; empty: the gateway's own. `{api}` stands for the gateway's id."""

    alarm_mail: str = ""
    """Address that is told of alarms; empty: subscribe to the topic `AlarmTopic` by other means."""
    stuck_minutes: int = 15
    """A consumer this far behind the stream raises an alarm."""
    stripe_event_bus: str = ""
    """Name of the partner event bus on which Stripe's events come (`aws.partner/stripe.com/...`); empty: they
    come as webhooks only."""
    card_url: str = ""
    """Your own page on which customers change their card, which letters about a payment link to; empty: they
    link to the unpaid invoice's page at the payment provider, where it can be paid with any card."""
    payments_url: str = ""
    """Another address of the payment provider than its own: that of a stand-in, in a local run."""
    clock: str = str(REAL_TIME)
    """The clock of billing, mail and sequences (`stemtide.clock`): real time; only a local run may hurry."""

    create_mail_identity: bool = True
    """Make SES's identity of the domain that `[mail] from` names; false: the account has it already."""


LOCAL: Final[Mapping[str, Any]] = {
    "native_layers": True,  # the emulator runs functions on this machine's interpreter
    "keep_data": False,  # `make down` leaves nothing behind
    "aggregate_window_s": 1,  # a person waits for the result
    "archive_window_s": 1,
    "profile_window_s": 0,
    "detect_window_s": 1,  # days that are written together are seen together
    "billing_window_s": 0,
    "score_window_s": 1,
    "score_concurrency": 2,  # one per core of a small machine
    "login_concurrency": 2,
    "recompute_concurrency": 2,
    "sweep_concurrency": 2,
    "token_minutes": 24 * 60,  # stack.json's tokens serve a working day
}
"""Every difference between the stacks on a laptop and in an AWS account."""


def load(context: Mapping[str, Any]) -> Deployment:
    """The settings for a CDK context: defaults, then `LOCAL` if `target=local`, then what the context sets.

    Raises:
        SettingError: an unknown target, an unknown name under `deployment`, or a value that cannot be.
    """
    target = context.get("target", "aws")
    if target not in ("aws", "local"):
        raise SettingError(f"target is {target!r}: give aws or local")
    kinds = {f.name: f.type for f in fields(Deployment)}
    stored = dict(context.get("deployment") or {}) if target == "aws" else {}
    if unknown := sorted(stored.keys() - kinds):
        raise SettingError(f"cdk.json: context.deployment.{unknown[0]} is not one of {', '.join(kinds)}")
    given = stored | {name: context[name] for name in kinds if name in context}
    changes = {name: _parse(name, kinds[name], value) for name, value in given.items()}
    deployment = replace(Deployment(), **(dict(LOCAL) if target == "local" else {}) | changes)
    _check(deployment, target)
    return deployment


def check_retention(deployment: Deployment, ingest: Ingest) -> None:
    """Usage must outlive everything that may still be counted into it.

    A record that comes when its day has expired makes the day anew, without what it held and without the
    marks and ids that tell what is in.

    Raises:
        SettingError: the stream, or the dead letters, keep records for longer than usage is kept.
    """
    kept = ingest.usage_retention_days
    late = deployment.stream_retention_days + ingest.max_lateness_days
    if kept <= late:
        raise SettingError(
            f"usage_retention_days is {kept}, but a record may be counted {late} days after its event "
            f"(stream_retention_days {deployment.stream_retention_days}, max_lateness_days "
            f"{ingest.max_lateness_days}): keep usage for longer, or the stream for less"
        )
    if kept <= deployment.dead_letter_retention_days:
        raise SettingError(
            f"usage_retention_days is {kept}, but a dead letter may be put back for "
            f"{deployment.dead_letter_retention_days} days (dead_letter_retention_days): it must be less"
        )


def _parse(name: str, kind: Any, value: Any) -> Any:
    """A setting's value from JSON or from the command line, where everything is text."""
    if kind is bool:
        if value in (True, "true"):
            return True
        if value in (False, "false"):
            return False
        raise SettingError(f"{name} is {value!r}: give true or false")
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise SettingError(f"{name} is {value!r}: not a {kind.__name__}") from None


def _check(deployment: Deployment, target: str) -> None:
    allowed = {
        "name": (
            NAME.fullmatch(deployment.name) is not None,
            "2-20 of a-z, 0-9 and -, the first a letter, the last no -",
        ),
        "architecture": (deployment.architecture in ("x86_64", "arm64"), "x86_64 or arm64"),
        "python_version": (deployment.python_version in ("3.12", "3.13", "3.14"), "3.12, 3.13 or 3.14"),
        "native_layers": (not deployment.native_layers or target == "local", "false in an AWS account"),
        "stream_retention_days": (1 <= deployment.stream_retention_days <= 365, "1-365"),
        "dead_letter_retention_days": (1 <= deployment.dead_letter_retention_days <= MOST_DAYS, "1-36500"),
        "noncurrent_version_days": (1 <= deployment.noncurrent_version_days <= MOST_DAYS, "1-36500"),
        "aggregate_window_s": (0 <= deployment.aggregate_window_s <= 300, "0-300 seconds"),
        "archive_window_s": (0 <= deployment.archive_window_s <= 300, "0-300 seconds"),
        "detect_window_s": (0 <= deployment.detect_window_s <= 300, "0-300 seconds"),
        "score_window_s": (1 <= deployment.score_window_s <= 300, "1-300 seconds"),
        "score_concurrency": (2 <= deployment.score_concurrency <= 1000, "2-1000"),
        "recompute_concurrency": (1 <= deployment.recompute_concurrency <= 1000, "1-1000"),
        "sweep_concurrency": (1 <= deployment.sweep_concurrency <= 1000, "1-1000"),
        "token_minutes": (5 <= deployment.token_minutes <= 24 * 60, "5-1440 minutes"),
        "refresh_days": (1 <= deployment.refresh_days <= 3650, "1-3650"),
        "requests_per_second": (deployment.requests_per_second >= 1, "1 or more"),
        "request_burst": (deployment.request_burst >= 1, "1 or more"),
        "api_address": (
            not deployment.api_address
            or (deployment.api_address.startswith("https://") and not deployment.api_address.endswith("/"))
            or target == "local",
            "empty, or an address that begins with https:// and ends without a slash",
        ),
        "stuck_minutes": (1 <= deployment.stuck_minutes <= 1440, "1-1440"),
        "billing_window_s": (0 <= deployment.billing_window_s <= 300, "0-300 seconds"),
        "card_url": (
            not deployment.card_url or deployment.card_url.startswith("https://"),
            "empty, or an https address",
        ),
        "payments_url": (not deployment.payments_url or target == "local", "empty in an AWS account"),
        "clock": (deployment.clock == str(REAL_TIME) or target == "local", f"{REAL_TIME} in an AWS account"),
    }
    for name, (good, may_be) in allowed.items():
        if not good:
            raise SettingError(f"{name} is {getattr(deployment, name)!r}: it may be {may_be}")


def native_platform() -> tuple[str, str]:
    """The Python version and machine of this interpreter, e.g. ("3.11", "x86_64")."""
    return f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine()
