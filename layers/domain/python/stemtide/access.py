"""Who may call what: the one table of routes.

CDK creates the routes from it, the handlers dispatch and authorise by it, the OpenAPI document is
generated from it, and the tests try every role against every row.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class Role(StrEnum):
    """The groups of the user pool. A person in several groups has the highest, `admin` being highest."""

    VIEWER = "viewer"
    CSM = "csm"
    ADMIN = "admin"


RANKED_ROLES: Final = (Role.ADMIN, Role.CSM, Role.VIEWER)
"""Highest first."""
EVERY_ROLE: Final = frozenset(Role)
ADMINS: Final = frozenset({Role.ADMIN})
SCORERS: Final = frozenset({Role.ADMIN, Role.CSM})

Access = Literal["public", "write_key", "signed"] | frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route of the HTTP API.

    `access` is "public" (nobody is asked), "write_key" (HTTP Basic user, checked in code: the gateway
    has no authorizer there), "signed" (the body's signature, checked in code, too) or the roles that may
    call it (the gateway's JWT authorizer admits a valid token, the code checks the role).
    """

    method: Literal["GET", "POST"]
    path: str
    function: Literal["ingest", "api", "score", "webhooks", "preferences"]
    access: Access
    operation: str
    summary: str

    @property
    def key(self) -> str:
        """The route key as API Gateway spells it, e.g. `GET /v1/accounts/{id}/usage`."""
        return f"{self.method} {self.path}"

    @property
    def needs_token(self) -> bool:
        """Whether the gateway's JWT authorizer stands before the route."""
        return isinstance(self.access, frozenset)


POST_EVENTS: Final = Route(
    method="POST",
    path="/v1/events",
    function="ingest",
    access="write_key",
    operation="postEvents",
    summary="Send one call or a batch of calls (Segment spec)",
)
POST_STRIPE: Final = Route(
    method="POST",
    path="/v1/webhooks/stripe",
    function="webhooks",
    access="signed",
    operation="postStripeEvent",
    summary="An event of the payment provider, signed by it",
)
GET_COUNTERS: Final = Route(
    method="GET",
    path="/v1/ingest/counters",
    function="api",
    access=EVERY_ROLE,
    operation="getIngestCounters",
    summary="What became of every call that entered the stream",
)
GET_QUARANTINE: Final = Route(
    method="GET",
    path="/v1/ingest/quarantine",
    function="api",
    access=ADMINS,  # payloads may hold personal data
    operation="listQuarantined",
    summary="The calls that were set aside, each with its reason and payload",
)
GET_USAGE: Final = Route(
    method="GET",
    path="/v1/accounts/{id}/usage",
    function="api",
    access=EVERY_ROLE,
    operation="getAccountUsage",
    summary="Usage of one account, one entry per UTC day",
)
LIST_ACCOUNTS: Final = Route(
    method="GET",
    path="/v1/accounts",
    function="api",
    access=EVERY_ROLE,
    operation="listAccounts",
    summary="Customer records by churn risk",
)
GET_ACCOUNT: Final = Route(
    method="GET",
    path="/v1/accounts/{id}",
    function="api",
    access=EVERY_ROLE,
    operation="getAccount",
    summary="The customer record: profile, churn risk, what drives it, its trend",
)
LIST_SCORES: Final = Route(
    method="GET",
    path="/v1/accounts/{id}/scores",
    function="api",
    access=EVERY_ROLE,
    operation="listAccountScores",
    summary="The scores of one account, oldest first",
)
GET_TIMELINE: Final = Route(
    method="GET",
    path="/v1/accounts/{id}/timeline",
    function="api",
    access=EVERY_ROLE,
    operation="getAccountTimeline",
    summary="What happened to one account and what was withheld, newest first",
)
LIST_EPISODES: Final = Route(
    method="GET",
    path="/v1/accounts/{id}/episodes",
    function="api",
    access=EVERY_ROLE,
    operation="listAccountEpisodes",
    summary="The runs of dunning and plays about one account, newest first",
)
GET_EPISODE: Final = Route(
    method="GET",
    path="/v1/episodes/{id}",
    function="api",
    access=EVERY_ROLE,
    operation="getEpisode",
    summary="One run of dunning, or play: attempts, mails, offers, outcome, what comes next, its ledger",
)
LIST_LEDGER: Final = Route(
    method="GET",
    path="/v1/ledger",
    function="api",
    access=EVERY_ROLE,
    operation="listLedger",
    summary="Every charge, mail, offer and skip of all episodes, oldest first",
)
LIST_LABELS: Final = Route(
    method="GET",
    path="/v1/labels",
    function="api",
    access=EVERY_ROLE,
    operation="listLabels",
    summary="What came of every play, by the day on which it became known",
)
GET_FEATURES: Final = Route(
    method="GET",
    path="/v1/accounts/{id}/features",
    function="score",  # the features need NumPy
    access=EVERY_ROLE,
    operation="getAccountFeatures",
    summary="The features of one account as of an instant, in words",
)
POST_SCORE: Final = Route(
    method="POST",
    path="/v1/accounts/{id}/score",
    function="score",
    access=SCORERS,
    operation="scoreAccount",
    summary="Score one account now, or as of a past instant",
)
GET_UNSUBSCRIBE: Final = Route(
    method="GET",
    path="/v1/unsubscribe/{token}",
    function="preferences",
    access="public",  # the link itself is the right
    operation="getMailPreferences",
    summary="The page on which a mail's recipient chooses what mails to get; changes nothing",
)
POST_UNSUBSCRIBE: Final = Route(
    method="POST",
    path="/v1/unsubscribe/{token}",
    function="preferences",
    access="public",
    operation="setMailPreferences",
    summary="Unsubscribe in one click (RFC 8058), or what was chosen on the page",
)
GET_OPENAPI: Final = Route(
    method="GET",
    path="/openapi.json",
    function="api",
    access="public",
    operation="getOpenapi",
    summary="This API, described in OpenAPI 3.1",
)

ROUTES: Final = (
    POST_EVENTS,
    POST_STRIPE,
    GET_COUNTERS,
    GET_QUARANTINE,
    LIST_ACCOUNTS,
    GET_ACCOUNT,
    GET_USAGE,
    LIST_SCORES,
    GET_TIMELINE,
    LIST_EPISODES,
    GET_EPISODE,
    LIST_LEDGER,
    LIST_LABELS,
    GET_FEATURES,
    POST_SCORE,
    GET_UNSUBSCRIBE,
    POST_UNSUBSCRIBE,
    GET_OPENAPI,
)
BY_KEY: Final = {route.key: route for route in ROUTES}
