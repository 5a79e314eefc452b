"""Typed settings at both ends: CDK writes `to_env()`, a handler reads `from_env()`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Base of the per-function settings: each field is one string or integer environment variable."""

    def to_env(self) -> dict[str, str]:
        """The environment variables that carry these settings, names in upper case."""
        return {f.name.upper(): str(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Settings from the environment.

        Raises:
            KeyError: a variable is missing (the message names it).
            ValueError: an integer setting holds something else.
        """
        return cls(**{f.name: _parse(f.type, env[f.name.upper()]) for f in fields(cls)})


def _parse(kind: object, text: str) -> str | int:
    return int(text) if kind is int or kind == "int" else text


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings(Settings):
    """`POST /v1/events`: writes calls to the stream."""

    event_stream: str
    write_keys_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateSettings(Settings):
    """The stream's first consumer: usage per account and day."""

    usage_table: str
    accounts_table: str
    ingest_table: str
    event_stream: str
    archive_bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings(Settings):
    """The stream's second consumer: raw records into S3."""

    archive_bucket: str
    ingest_table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings(Settings):
    """The read side of the HTTP API."""

    usage_table: str
    accounts_table: str
    contacts_table: str
    episodes_table: str
    ingest_table: str
    archive_bucket: str
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesSettings(Settings):
    """Lets the recipients of mails choose what mails they get."""

    contacts_table: str
    link_keys_secret: str
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettersSettings(Settings):
    """Registers every payload that a consumer gave up on."""

    ingest_table: str
    dead_letter_bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSettings(Settings):
    """The hourly check that every accepted event is accounted for."""

    ingest_table: str
    metric_namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings(Settings):
    """Folds what is said of customers into their records."""

    accounts_table: str
    ingest_table: str
    dead_letter_queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSettings(Settings):
    """Finds drops of use, and hands on who has logged in."""

    usage_table: str
    accounts_table: str
    ingest_table: str
    event_stream: str
    dead_letter_queue: str
    login_queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSettings(Settings):
    """Puts on the bus what a table's stream tells, unless it is withheld; `consumer` is which stream."""

    consumer: str
    accounts_table: str
    ingest_table: str
    event_bus: str
    dead_letter_queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSettings(Settings):
    """Scores accounts, and shows the features behind a score."""

    usage_table: str
    accounts_table: str
    ingest_table: str
    archive_bucket: str
    model_bucket: str
    drop_queue: str
    drop_dead_letter_queue: str
    metric_namespace: str
    login_queue: str
    login_dead_letter_queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings(Settings):
    """Plans, judges and ends the runs over every account."""

    accounts_table: str
    ingest_table: str
    event_stream: str
    archive_bucket: str
    model_bucket: str
    metric_namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecomputeSettings(Settings):
    """Sets usage right by the archive."""

    usage_table: str
    ingest_table: str
    archive_bucket: str
    metric_namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksSettings(Settings):
    """`POST /v1/webhooks/stripe`: claims the payment provider's events."""

    billing_table: str
    signing_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeEventsSettings(Settings):
    """Claims the payment provider's events that come over EventBridge."""

    billing_table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingSettings(Settings):
    """Works off the payment provider's events. `provider_url` is empty for the provider's own address."""

    accounts_table: str
    billing_table: str
    ingest_table: str
    dead_letter_queue: str
    metric_namespace: str
    provider_key_secret: str
    provider_url: str
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings(Settings):
    """Sends mails to customers."""

    contacts_table: str
    accounts_table: str
    configuration_set: str
    api_url: str
    link_keys_secret: str
    clock: str
    metric_namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesSettings(Settings):
    """Works off what SES tells of mails."""

    contacts_table: str
    accounts_table: str
    notice_queue: str
    notice_dead_letter_queue: str
    clock: str
    metric_namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningSettings(Settings):
    """Moves dunning episodes along. `provider_url` is empty for the provider's own address, `lease_s` longer
    than the function may run."""

    episodes_table: str
    accounts_table: str
    contacts_table: str
    provider_key_secret: str
    provider_url: str
    mail_function: str
    state_machine: str
    card_url: str
    clock: str
    lease_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaysSettings(Settings):
    """Moves plays along. `provider_url` is empty for the provider's own address."""

    episodes_table: str
    accounts_table: str
    contacts_table: str
    provider_key_secret: str
    provider_url: str
    mail_function: str
    win_back_machine: str
    retention_machine: str
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayEntrySettings(Settings):
    """Opens, wakes and restarts plays."""

    episodes_table: str
    accounts_table: str
    billing_table: str
    win_back_machine: str
    retention_machine: str
    queue: str
    dead_letter_queue: str
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodesSettings(Settings):
    """Opens, wakes and restarts dunning episodes."""

    episodes_table: str
    accounts_table: str
    state_machine: str
    queue: str
    dead_letter_queue: str
    clock: str
