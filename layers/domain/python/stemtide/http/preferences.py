"""`/v1/unsubscribe/{token}`: a page that changes nothing when it is fetched, and what is posted from it."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from stemtide.access import GET_UNSUBSCRIBE, POST_UNSUBSCRIBE
from stemtide.http.app import Operation
from stemtide.http.forms import Fields, read_form
from stemtide.http.pages import page
from stemtide.http.problem import Problem, Response
from stemtide.http.request import Request
from stemtide.mail.link_keys import LinkKeys
from stemtide.mail.links import Linked
from stemtide.mail.preference_page import STYLE, Done, PreferencePages
from stemtide.mail.preferences import JOURNEYS, Choices

ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
"""RFC 8058, 3.1: what a mail program posts when its user presses "unsubscribe"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesEdge:
    """Lets the holder of a link choose.

    Args:
        model_ms: the model instant of a real one (epoch ms).
    """

    keys: LinkKeys
    choices: Choices
    pages: PreferencePages
    model_ms: Callable[[int], int]

    def operations(self) -> dict[str, Operation]:
        """The operations by id."""
        return {GET_UNSUBSCRIBE.operation: self.show, POST_UNSUBSCRIBE.operation: self.change}

    def show(self, request: Request) -> Response:
        """The page. Mail scanners and previews fetch every link, so nothing is changed here."""
        linked = self.keys.read(request.path["token"])
        return self._no_such_link(request) if linked is None else self._chosen(request, linked, None)

    def change(self, request: Request) -> Response:
        """Do what was posted and show the page; posted again it changes nothing more.

        Raises:
            Problem: 400, 413 or 415, nothing that can be done was posted.
        """
        linked = self.keys.read(request.path["token"])
        if linked is None:
            return self._no_such_link(request)
        return self._chosen(request, linked, self._do(read_form(request), request, linked))

    def _do(self, fields: Fields, request: Request, linked: Linked) -> Done:
        at_ms = self.model_ms(request.arrival_ms)
        address, account = linked.address_key, linked.account
        if ONE_CLICK in fields:
            self.choices.opt_out(address, account=account, at_ms=at_ms, how="one_click")
            return Done.OPTED_OUT
        actions = [value for name, value in fields if name == "action"]
        if actions == ["opt_in"]:
            self.choices.opt_in(address, account=account, at_ms=at_ms, how="page")
            return Done.OPTED_IN
        if actions == ["choose"]:
            wanted = {value for name, value in fields if name == "journey"}
            off = [name for name in JOURNEYS if name not in wanted]
            self.choices.choose(address, off=off, account=account, at_ms=at_ms, how="page")
            return Done.CHOSEN
        detail = "Post List-Unsubscribe=One-Click, or use the page's own buttons."
        raise Problem(HTTPStatus.BAD_REQUEST, "nothing-to-do", detail)

    def _chosen(self, request: Request, linked: Linked, done: Done | None) -> Response:
        language = self.pages.language_for(request.headers.get("accept-language"))
        html = self.pages.choice(self.choices.preferences(linked.address_key), language=language, done=done)
        return page(HTTPStatus.OK, html, style=STYLE, language=language)

    def _no_such_link(self, request: Request) -> Response:
        language = self.pages.language_for(request.headers.get("accept-language"))
        html = self.pages.no_such_link(language=language)
        return page(HTTPStatus.NOT_FOUND, html, style=STYLE, language=language)
