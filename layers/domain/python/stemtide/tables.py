"""Every DynamoDB table: keys, expiry, stream and access patterns, declared once.

CDK, the stores, moto tests and local runs all read this module.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A global secondary index with string keys; items without them are not in it."""

    name: str
    partition_key: str
    sort_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: its role in `stack.json`, its string keys and what it is read by."""

    role: str
    partition_key: str
    sort_key: str
    access_patterns: tuple[str, ...]
    expiry_attribute: str | None = None
    stream: Literal["NEW_AND_OLD_IMAGES"] | None = None
    indexes: tuple[Index, ...] = ()


USAGE: Final = Table(
    role="usage",
    partition_key="account",
    sort_key="day",
    expiry_attribute="expires_at",
    stream="NEW_AND_OLD_IMAGES",
    access_patterns=(
        "the state of one account and day: Get (account, 'YYYY-MM-DD')",
        "the distinct users of one busy account and day: Get (account, 'YYYY-MM-DD#users')",
        "the day, and a backfilled account's cutover: BatchGet (account, 'YYYY-MM-DD'), (account, 'cutover')",
        "the days of one account, users included: Query account, day BETWEEN from AND to + '~'",
        "the backfilled part of a cutover's own day: Get (account, 'YYYY-MM-DD#backfill'), users: + '#users'",
        "what the stream has written of one account, for its backfill: Query account, not marked backfilled",
        "everything, for the catalogue of event types: Scan in segments",
    ),
)

ACCOUNTS: Final = Table(
    role="accounts",
    partition_key="account",
    sort_key="item",
    expiry_attribute="expires_at",
    stream="NEW_AND_OLD_IMAGES",
    indexes=(
        Index(name="by_risk", partition_key="tier", sort_key="risk_key"),
        Index(name="by_csm", partition_key="csm_key", sort_key="risk_key"),
        Index(name="by_customer", partition_key="customer_key", sort_key="account"),
    ),
    access_patterns=(
        "the customer record, profile and newest score: Get (account, 'record')",
        "what was said of the account, as known at any time: Query account, item begins with 'fact#'",
        "its scores by as_of: Query account, item BETWEEN 'score#<from>' AND 'score#<to>~'",
        "its two newest scores: Query account, item begins with 'score#', newest first",
        "a challenger's scores by as_of: Query account, item BETWEEN 'challenger#<from>' AND "
        "'challenger#<to>~'",
        "what was withheld of it by as_of: Query account, item BETWEEN 'withheld#<from>' AND "
        "'withheld#<to>~'",
        "its usage drops by day: Query account, item begins with 'drop#'",
        "records of one tier (or 'none') by score: Query by_risk, tier",
        "records of one csm by score: Query by_csm, csm_key (e-mail address in lower case)",
        "whose the payment provider's customer is: Query by_customer, customer_key",
    ),
)

INGEST: Final = Table(
    role="ingest",
    partition_key="pk",
    sort_key="sk",
    expiry_attribute="expires_at",
    access_patterns=(
        "how far a consumer has come and what it counted: Query pk = 'lane#aggregate' | 'lane#archive'",
        "the quarantined of one arrival day: Query pk = 'quarantine#YYYY-MM-DD#<0-7>' (8 partitions)",
        "the days with quarantined calls, newest first: Query pk = 'quarantine-days'",
        "the dead letters of one day: Query pk = 'dead#YYYY-MM-DD'",
        "the days with dead letters: Query pk = 'dead-days'",
        "what a consumer gave up on per lane: Query pk = 'dead-total#aggregate' | 'dead-total#archive'",
        "when a source of facts was heard of: Query pk = 'source#<name>', sk <= minute, newest first",
        "when there were events, by day: Query pk = 'event-days', sk BETWEEN from AND to",
        "what a function has set aside before: Query pk = 'set-aside#<function>', sk = name",
        "runs of a scheduled job, newest first: Query pk = 'job#<name>'",
        "what became of the tasks of a recompute: Query pk = 'recompute#<run>'",
        "the arrival days that are owed a recompute: Query pk = 'recompute-due'",
    ),
)

BILLING: Final = Table(
    role="billing",
    partition_key="pk",
    sort_key="sk",
    expiry_attribute="expires_at",
    stream="NEW_AND_OLD_IMAGES",
    indexes=(Index(name="by_state", partition_key="open_state", sort_key="arrived"),),
    access_patterns=(
        "an event of the provider, claimed once: Put ('event#<id>', 'event'), not there",
        "events that wait, are nobody's or cannot be used, oldest first: Query by_state, open_state = "
        "pending | unmapped | failed",
        "all that is known of a customer: Query pk = 'customer#<id>'",
        "what an account subscribes to, and which facts are owed: Get ('account#<id>', 'book')",
        "whose invoice a payment is of: Get ('payment#<id>', 'invoice')",
        "how far reconciles have come: Get ('reconcile', 'progress')",
        "a subscription or invoice as last seen: Get ('customer#<id>', 'subscription#<id>' | 'invoice#<id>')",
    ),
)

CONTACTS: Final = Table(
    role="contacts",
    partition_key="pk",
    sort_key="sk",
    expiry_attribute="expires_at",
    stream="NEW_AND_OLD_IMAGES",
    indexes=(Index(name="by_open", partition_key="open_state", sort_key="claimed_at"),),
    access_patterns=(
        "a mail, claimed once: Put ('account#<id>', 'mail#<key>'), not there",
        "mails that were claimed and of which nothing was heard since: Query by_open, open_state = claimed",
        "what was sent to an account and refused, by time: Query pk = 'account#<id>', sk begins with 'sent#'",
        "when the account was contacted lately: Get ('account#<id>', 'budget')",
        "whether it is held or erased: Get ('account#<id>', 'hold')",
        "whether an address is suppressed or has opted out: Get ('address#<key>', 'state')",
        "whether a campaign is paused: Get ('campaign#<name>', 'state')",
        "its mails, bounces and complaints since it was resumed last, by the day they were claimed: Query "
        "pk = 'campaign#<name>', sk BETWEEN 'counts#<run>#<from>' AND 'counts#<run>#<to>'",
        "every campaign: Query pk = 'campaigns'",
        "which mail a message is: Get ('message#<id>', 'mail')",
    ),
)

EPISODES: Final = Table(
    role="episodes",
    partition_key="pk",
    sort_key="sk",
    stream="NEW_AND_OLD_IMAGES",
    indexes=(
        Index(name="by_account", partition_key="account", sort_key="opened"),
        Index(name="by_day", partition_key="ledger_day", sort_key="ledger_key"),
        Index(name="running", partition_key="running", sort_key="opened"),
    ),
    access_patterns=(
        "an episode: Get ('episode#<id>', 'episode')",
        "an episode with its ledger: Query pk = 'episode#<id>'",
        "the episode that runs about a customer: Get ('customer#<id>', '<journey>')",
        "the episodes of an account, newest first: Query by_account, account",
        "the ledger of a UTC day: Query by_day, ledger_day",
        "the episodes of a journey that run: Query running, running = '<journey>'",
        "the play of a journey that an account has, or when it may have another: Get ('account#<id>', "
        "'<journey>')",
        "the offer that a customer has: Get ('customer#<id>', 'offer')",
        "the outcomes that became known in a UTC month: Query pk = 'labels#YYYY-MM', in that order",
    ),
)

ALL: Final = (USAGE, ACCOUNTS, INGEST, BILLING, CONTACTS, EPISODES)
