"""The routes about episodes: those of an account, one with all that it did, the ledger of all by time."""

import binascii
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from stemtide.access import GET_EPISODE, LIST_EPISODES, LIST_LEDGER
from stemtide.clock import ModelClock
from stemtide.http import parameters
from stemtide.http.accounts import AccountReads
from stemtide.http.app import Operation
from stemtide.http.auth import caller
from stemtide.http.episode_bodies import AccountEpisodes, Ledger, ledger_entry, summary, whole_episode
from stemtide.http.problem import Problem, Response, bad_parameter, response
from stemtide.http.request import Request
from stemtide.store.episode_ledger import Place, place_of, read_page
from stemtide.store.episode_rows import AllEpisodes

PAGE: Final = 100
MAX_PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeReads:
    """Whose accounts a caller may see, their episodes, and the clock that those go by."""

    accounts: AccountReads
    episodes: AllEpisodes
    clock: ModelClock

    def operations(self) -> dict[str, Operation]:
        """The operations by id."""
        return {
            LIST_EPISODES.operation: self.of_account,
            GET_EPISODE.operation: self.one,
            LIST_LEDGER.operation: self.ledger,
        }

    def of_account(self, request: Request) -> Response:
        """The episodes of an account.

        Raises:
            Problem: 404 for an account that is unknown or not for the caller to see.
        """
        person = caller(request.claims, request.route)
        account = parameters.account_of(request)
        parameters.only(request, ())
        found = self.episodes.of_account(account)
        self.accounts.record_for(person, account, known=bool(found))
        body = AccountEpisodes(account=account, episodes=[summary(one) for one in found])
        return response(HTTPStatus.OK, body)

    def one(self, request: Request) -> Response:
        """An episode with its ledger.

        Raises:
            Problem: 404 for one that is unknown or of an account that is not for the caller to see.
        """
        person = caller(request.claims, request.route)
        episode_id = parameters.episode_of(request)
        parameters.only(request, ())
        found = self.episodes.read(episode_id)
        if found is None or not self.accounts.seen_by(person)(found[0].account):
            raise Problem(
                HTTPStatus.NOT_FOUND, "no-such-episode", "There is no such episode, or you may not see it."
            )
        return response(HTTPStatus.OK, whole_episode(*found))

    def ledger(self, request: Request) -> Response:
        """A page of the ledger of all accounts that the caller may see; today is that of the model clock."""
        person = caller(request.claims, request.route)
        parameters.only(request, ("cursor", "from", "limit", "to"))
        first, last = parameters.date_range(replace(request, arrival_ms=self.clock.at(request.arrival_ms)))
        limit = parameters.whole_number(request, "limit", default=PAGE, maximum=MAX_PAGE)
        after = _place(request.query.get("cursor"))
        rows, more = read_page(
            self.episodes, first, last, limit=limit, after=after, wanted=self.accounts.seen_by(person)
        )
        body = Ledger(
            first=first,
            last=last,
            entries=[ledger_entry(*row) for row in rows],
            cursor=None if more is None else more.cursor(),
        )
        return response(HTTPStatus.OK, body)


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        return place_of(cursor)
    except (binascii.Error, ValueError):
        raise bad_parameter("cursor", "not one that this route has given out.") from None
