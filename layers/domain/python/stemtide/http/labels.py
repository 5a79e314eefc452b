"""The route about labels: what came of plays, by the day on which it became known."""

import binascii
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from stemtide.access import LIST_LABELS
from stemtide.clock import ModelClock
from stemtide.http import parameters
from stemtide.http.accounts import AccountReads
from stemtide.http.app import Operation
from stemtide.http.auth import caller
from stemtide.http.label_bodies import Labels, label_body
from stemtide.http.problem import Response, bad_parameter, response
from stemtide.http.request import Request
from stemtide.store.label_pages import cursor_of, place_of, read_page
from stemtide.store.plays import PlayTable

PAGE: Final = 100
MAX_PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReads:
    """Whose accounts a caller may see, the labels of plays, and the clock that those go by."""

    accounts: AccountReads
    plays: PlayTable
    clock: ModelClock

    def operations(self) -> dict[str, Operation]:
        """The operations by id."""
        return {LIST_LABELS.operation: self.list}

    def list(self, request: Request) -> Response:
        """A page of the labels of all accounts that the caller may see; today is that of the model clock."""
        person = caller(request.claims, request.route)
        parameters.only(request, ("cursor", "from", "limit", "to"))
        first, last = parameters.date_range(replace(request, arrival_ms=self.clock.at(request.arrival_ms)))
        limit = parameters.whole_number(request, "limit", default=PAGE, maximum=MAX_PAGE)
        labels, more = read_page(
            self.plays,
            first,
            last,
            limit=limit,
            after=_place(request.query.get("cursor")),
            wanted=self.accounts.seen_by(person),
        )
        body = Labels(
            first=first,
            last=last,
            labels=[label_body(one) for one in labels],
            cursor=None if more is None else cursor_of(more),
        )
        return response(HTTPStatus.OK, body)


def _place(cursor: str | None) -> str:
    if cursor is None:
        return ""
    try:
        return place_of(cursor)
    except (binascii.Error, ValueError):
        raise bad_parameter("cursor", "not one that this route has given out.") from None
