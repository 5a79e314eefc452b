"""Numbers with a name, a unit and a reason. Nothing else in the code base repeats them."""

from datetime import timedelta
from typing import Final

KIB: Final = 1024

# --- what one call and one record may be (bytes, counts) ---------------------------------------
MAX_RECORD_BYTES: Final = 256 * KIB
"""Decoded size of one stream record (one call or one `{"batch": [...]}`); the contract's bound."""
ENVELOPE_ROOM: Final = 128
"""Bytes that our own writers' envelope may add to a call of that size, so that a call which was let in
is not too large when it is forwarded or released."""
MAX_JSON_DEPTH: Final = 32
MAX_PROPERTIES: Final = 64
"""Keys of `properties` or `traits`."""
MAX_KEY_CHARS: Final = 128
MAX_EVENT_NAME_CHARS: Final = 128
MAX_MESSAGE_ID_CHARS: Final = 256
MAX_ACCOUNT_ID_CHARS: Final = 128
MAX_WEIGHT: Final = 10_000_000
"""Largest `properties.count` of one row: keeps a forged weight from drowning an account's history."""
MAX_HTTP_BODY_BYTES: Final = 512 * KIB
"""Body of `POST /v1/events` after expansion; Segment's own batch limit is 500 KB."""
MAX_BATCH_CALLS: Final = 20_000
"""Calls of one body: more than 512 KB of usable ones can be, and few enough that an answer which refuses
each of them stays below Lambda's 6 MB."""
MAX_WEBHOOK_BYTES: Final = 256 * KIB
"""Body of a webhook; the largest that EventBridge carries, and far above what providers send."""

# --- time ---------------------------------------------------------------------------------------
MAX_AHEAD: Final = timedelta(minutes=10)
"""A timestamp further ahead of its arrival is a broken clock: quarantined (`in_the_future`)."""

# --- features -----------------------------------------------------------------------------------
FEATURE_DAYS: Final = 90
"""Closed days that most features look back; usage must be kept longer."""
LONG_DAYS: Final = 392
"""Closed days that the longest windows look back, where usage is kept as long: a year and four weeks."""
MAX_FEATURE_GROUPS: Final = 30
MAX_METER_GROUPS: Final = 10
"""Named parts of the product, and meters: each adds some features, and days' counters to keep."""
SATURATED: Final = 100_000
"""Where totals over 360 days stop counting."""

# --- what one usage item may hold ---------------------------------------------------------------
ID_WINDOW: Final = 40
"""Recent message ids kept per account-day: a producer's duplicate among the last 40 calls of that
day is dropped for certain. `stemtide replay` never has more than this many calls of an account-day
unacknowledged, so its own retries always fall inside the window."""
ID_BYTES: Final = 8
"""Bytes of a message id's hash. The recompute compares all calls of an account-day: 5 million of them, as
the largest account of 50 M events a day may have, hold a false duplicate on one day in a million."""
MAX_NEW_DUPLICATES: Final = 1_000
"""Repeated records that one delivery may bring into an item; the next one comes again. An item notes each
(28 bytes) until its lane's ledger has counted it: 28 KB."""
REMEMBERED_IDS: Final = 2_000
"""Message ids per account-day that a warm function remembers beyond the committed window: a batch that a
producer repeats after a lost answer (512 KB hold some 2,400 calls) is dropped, unless the function was
replaced meanwhile."""
REMEMBERED_ID_BYTES: Final = 150
"""What one remembered id costs in the function's memory: a hash, its object and its place in a dict."""
REMEMBERED_USERS: Final = 4_000
"""Users per account-day that a warm function remembers to be in their item already."""
REMEMBERED_USER_BYTES: Final = 100
"""What one remembered user costs: its hash is shared with the other days of the same user."""
MAX_EVENT_TYPES: Final = 200
"""Event types counted by name per account-day; further ones count in `other`."""
OTHER_EVENT: Final = "other"
INLINE_USERS: Final = 24
"""Distinct users kept inside the usage item; more move to the account-day's users item, so that a
write of the counts stays near one write unit (1 KB)."""
USER_HASH_BYTES: Final = 8
MAX_ARRIVAL_INTERVALS: Final = 8
"""Separate runs of arrival days that a usage item tells apart; closer ones are joined beyond that."""

# --- the stream's consumers ---------------------------------------------------------------------
MAX_BATCH_RECORDS: Final = 8_000
"""Records a batch: 10,000 one-event records would exceed Lambda's 6 MB payload."""
MAX_RETRIES: Final = 20
MAX_RECORD_AGE: Final = timedelta(days=7)
"""After this many retries, or at this age, a batch goes with its payload to the dead letters. The retries
end what keeps failing; the age is the stream's retention, so that a consumer which was stopped for days
works off its backlog."""
MAX_BATCH_CHANGES: Final = 1_000
"""Changes of a table in a batch: their images have some KB each and must stay below Lambda's 6 MB payload."""
MAX_BATCH_EVENTS: Final = 25
"""Events of the payment provider in a batch: each asks the provider one to some ten times."""
MAX_CHANGE_AGE: Final = timedelta(hours=23)
"""A table's stream keeps its changes for 24 h: what is given up before that is given up with its payload."""
DEADLINE_MARGIN: Final = timedelta(seconds=10)
"""A handler stops taking new work this long before its time-out and reports the rest as failed."""
