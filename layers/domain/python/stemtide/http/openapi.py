"""The API described in OpenAPI 3.1: paths from the table of routes, schemas from the bodies' structs."""

from functools import lru_cache
from typing import Any, Final

import msgspec

from stemtide import access, limits
from stemtide.access import RANKED_ROLES, Route
from stemtide.calls import CALL_TYPES, Reason
from stemtide.http import (
    account_bodies,
    accounts,
    bodies,
    episode_bodies,
    episodes,
    label_bodies,
    labels,
    parameters,
    timeline,
)
from stemtide.http.forms import MAX_FORM_BYTES
from stemtide.mail.links import MAX_TOKEN_CHARS
from stemtide.mail.preferences import JOURNEYS
from stemtide.scoring.assessment import ModelRole

API_VERSION: Final = "1.0"
_REF: Final = "#/components/schemas/{name}"

_Json = dict[str, Any]

_CALL: Final[_Json] = {
    "type": "object",
    "description": "A call of the Segment spec. The account is `context.groupId` (`groupId` on group calls).",
    "required": ["type"],
    "properties": {
        "type": {"enum": sorted(CALL_TYPES)},
        "event": {
            "type": "string",
            "maxLength": limits.MAX_EVENT_NAME_CHARS,
            "description": "On track calls.",
        },
        "messageId": {
            "type": "string",
            "maxLength": limits.MAX_MESSAGE_ID_CHARS,
            "description": "Unique per account; a repeated one is not counted again. Assigned when absent.",
        },
        "timestamp": {"type": "string", "format": "date-time", "description": "By default the arrival."},
        "userId": {"type": "string"},
        "anonymousId": {"type": "string"},
        "groupId": {"type": "string"},
        "context": {"type": "object", "properties": {"groupId": {"type": "string"}}},
        "properties": {"type": "object", "maxProperties": limits.MAX_PROPERTIES},
        "traits": {"type": "object", "maxProperties": limits.MAX_PROPERTIES},
    },
}
_BATCH: Final[_Json] = {
    "type": "object",
    "required": ["batch"],
    "properties": {
        "batch": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Call"}},
        "context": {"type": "object", "description": "Fills in what the calls' own contexts lack."},
    },
}
_PROBLEM: Final[_Json] = {
    "type": "object",
    "description": "RFC 9457 problem details; further members depend on the problem.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:stemtide:problem:[a-z-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "instance": {"type": "string", "description": "Names the request in the logs."},
        "reason": {"enum": sorted(Reason)},
        "parameter": {"type": "string"},
        "accepted": {"type": "integer"},
        "accepted_indexes": {"type": "array", "items": {"type": "integer"}},
        "failed_indexes": {"type": "array", "items": {"type": "integer"}},
        "rejected": {"type": "array", "items": {"$ref": "#/components/schemas/RejectedCall"}},
    },
}


def _query(name: str, schema: _Json, description: str) -> _Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_DATE: Final[_Json] = {"type": "string", "format": "date"}
_ACCOUNT: Final[_Json] = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Account id",
    "schema": {"type": "string", "pattern": f"^[A-Za-z0-9._:@-]{{1,{limits.MAX_ACCOUNT_ID_CHARS}}}$"},
}
_EPISODE: Final[_Json] = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Episode id",
    "schema": {"type": "string", "pattern": f"^{parameters.EPISODE_ID}$"},
}
_RANGE: Final[list[_Json]] = [
    _query("from", _DATE, f"First UTC day; by default {parameters.DEFAULT_DAYS} days up to `to`."),
    _query("to", _DATE, f"Last UTC day, included; by default today. At most {parameters.MAX_DAYS} days."),
]
_TOKEN: Final[_Json] = {
    "name": "token",
    "in": "path",
    "required": True,
    "description": "From the link in a mail",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": MAX_TOKEN_CHARS},
}
_CHOICE: Final[_Json] = {
    "type": "object",
    "description": "`List-Unsubscribe` alone (RFC 8058), or an `action`.",
    "properties": {
        "List-Unsubscribe": {"const": "One-Click"},
        "action": {"enum": ["choose", "opt_in"]},
        "journey": {
            "type": "array",
            "items": {"enum": list(JOURNEYS)},
            "description": "With `choose`: those whose mails are wanted.",
        },
    },
}
_PARAMETERS: Final[dict[Route, list[_Json]]] = {
    access.GET_USAGE: [_ACCOUNT, *_RANGE],
    access.GET_ACCOUNT: [_ACCOUNT],
    access.LIST_SCORES: [
        _ACCOUNT,
        *_RANGE,
        _query("role", {"enum": list(ModelRole)}, "`challenger`: those of the model that is tried beside."),
    ],
    access.GET_TIMELINE: [
        _ACCOUNT,
        _query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": timeline.MAX_PAGE},
            f"Entries a page, {timeline.PAGE} by default.",
        ),
        _query("cursor", {"type": "string"}, "`cursor` of the page before."),
    ],
    access.LIST_EPISODES: [_ACCOUNT],
    access.GET_EPISODE: [_EPISODE],
    access.LIST_LEDGER: [
        *_RANGE,
        _query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": episodes.MAX_PAGE},
            f"Entries a page, {episodes.PAGE} by default.",
        ),
        _query("cursor", {"type": "string"}, "`cursor` of the page before, with the same days."),
    ],
    access.LIST_LABELS: [
        *_RANGE,
        _query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": labels.MAX_PAGE},
            f"Labels a page, {labels.PAGE} by default.",
        ),
        _query("cursor", {"type": "string"}, "`cursor` of the page before, with the same days."),
    ],
    access.LIST_ACCOUNTS: [
        _query("tier", {"enum": list(accounts.TIERS)}, "Only this tier; `none`: accounts without a score."),
        _query("csm", {"type": "string", "format": "email"}, "Only the accounts of this csm."),
        _query("sort", {"enum": list(accounts.SORTS)}, "`-score`, the riskiest first, by default."),
        _query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": accounts.MAX_PAGE},
            f"Accounts a page, {accounts.PAGE} by default.",
        ),
        _query("cursor", {"type": "string"}, "`cursor` of the page before, with the same filters."),
    ],
    access.GET_FEATURES: [
        _ACCOUNT,
        _query("as_of", {"type": "string"}, f"As of {parameters.AS_OF_FORMS}; by default now."),
    ],
    access.POST_SCORE: [_ACCOUNT],
    access.GET_UNSUBSCRIBE: [_TOKEN],
    access.POST_UNSUBSCRIBE: [_TOKEN],
    access.GET_QUARANTINE: [
        _query("day", _DATE, "Only what arrived on this UTC day."),
        _query("reason", {"enum": sorted(Reason)}, "Only this reason."),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 100}, "Rows a page, 50 by default."),
        _query("cursor", {"type": "string"}, "`cursor` of the page before."),
        _query("id", {"type": "string"}, "Only this one, with its whole payload."),
    ],
}
_ANSWERS: Final[dict[Route, tuple[int, type | None]]] = {
    access.POST_EVENTS: (202, bodies.EventsAccepted),
    access.POST_STRIPE: (200, bodies.EventReceived),
    access.GET_COUNTERS: (200, bodies.IngestCounters),
    access.GET_QUARANTINE: (200, bodies.QuarantineList),
    access.LIST_ACCOUNTS: (200, account_bodies.AccountList),
    access.GET_ACCOUNT: (200, account_bodies.Account),
    access.GET_USAGE: (200, bodies.Usage),
    access.LIST_SCORES: (200, account_bodies.AccountScores),
    access.GET_TIMELINE: (200, timeline.AccountTimeline),
    access.LIST_EPISODES: (200, episode_bodies.AccountEpisodes),
    access.GET_EPISODE: (200, episode_bodies.Episode),
    access.LIST_LEDGER: (200, episode_bodies.Ledger),
    access.LIST_LABELS: (200, label_bodies.Labels),
    access.GET_FEATURES: (200, bodies.Features),
    access.POST_SCORE: (200, account_bodies.Account),
    access.GET_OPENAPI: (200, None),
}
_PAGES: Final = frozenset({access.GET_UNSUBSCRIBE, access.POST_UNSUBSCRIBE})
"""Answer people's browsers: HTML, for a link that is none, too."""


@lru_cache(maxsize=1)
def document() -> _Json:
    """The OpenAPI document, as plain values."""
    structs = [struct for _, struct in _ANSWERS.values() if struct is not None]
    _, schemas = msgspec.json.schema_components(structs, ref_template=_REF)
    paths: dict[str, _Json] = {}
    for route in access.ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stemtide", "version": API_VERSION, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Call": _CALL, "Batch": _BATCH, "Problem": _PROBLEM},
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "basic", "description": "The write key as user name."},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Stripe-Signature",
                    "description": "The sender's signature of the raw body.",
                },
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _operation(route: Route) -> _Json:
    operation: _Json = {
        "operationId": route.operation,
        "summary": route.summary,
        "security": _security(route),
        "parameters": _PARAMETERS.get(route, []),
        "responses": _responses(route),
    }
    if isinstance(route.access, frozenset):
        operation["description"] = f"Roles: {', '.join(r for r in RANKED_ROLES if r in route.access)}."
    if route is access.POST_EVENTS:
        call_or_batch = {"anyOf": [{"$ref": _REF.format(name=name)} for name in ("Batch", "Call")]}
        operation["requestBody"] = {
            "required": True,
            "description": f"At most {limits.MAX_HTTP_BODY_BYTES // limits.KIB} KB, gzip expanded.",
            "content": {"application/json": {"schema": call_or_batch}},
        }
    if route is access.POST_UNSUBSCRIBE:
        forms = ("application/x-www-form-urlencoded", "multipart/form-data")
        operation["requestBody"] = {
            "required": True,
            "description": f"At most {MAX_FORM_BYTES // limits.KIB} KB.",
            "content": {kind: {"schema": _CHOICE} for kind in forms},
        }
    if route is access.POST_SCORE:
        as_of = {"type": "string", "description": f"{parameters.AS_OF_FORMS}; by default now."}
        schema = {"type": "object", "properties": {"as_of": as_of}, "additionalProperties": False}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation


def _security(route: Route) -> list[_Json]:
    match route.access:
        case "public":
            return []
        case "write_key":
            return [{"writeKey": []}]
        case "signed":
            return [{"signature": []}]
        case _:
            return [{"token": []}]


def _responses(route: Route) -> _Json:
    problem = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    if route in _PAGES:
        page = {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
        return {
            "200": {"description": "The page with the choice as it is", "content": page},
            "404": {"description": "A link that is none", "content": page},
            "default": {"description": "A problem; its `status` is that of the answer.", "content": problem},
        }
    status, struct = _ANSWERS[route]
    schema = {"$ref": _REF.format(name=struct.__name__)} if struct else {"type": "object"}
    return {
        str(status): {"description": "Success", "content": {"application/json": {"schema": schema}}},
        "default": {"description": "A problem; its `status` is that of the answer.", "content": problem},
    }
