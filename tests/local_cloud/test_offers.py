"""One offer a customer, one coupon and one code a play, however many ask at the same time: on the local cloud
with the local payment provider behind its server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stemtide import tables
from stemtide.calls import DAY_MS
from stemtide.config_plays import Cause, Offers, WinBack, WinBackPolicy, WinBackStep
from stemtide.config_schema import Company, Config
from stemtide.dunning.ledger import Entry, Kind, whole
from stemtide.dunning.ports import Fate, MailFate
from stemtide.mail.message import MailRequest
from stemtide.mail.ports import Asked, Standing
from stemtide.plays.assembly import AboutAccounts, stepper
from stemtide.plays.offering import coupon_id
from stemtide.plays.play import Play
from stemtide.plays.ports import OfferClaim
from stemtide.plays.steps import PlayStepper
from stemtide.ports import UnavailableError
from stemtide.store.plays import OfferTable, PlayTable

from tests.domain_tables import create
from tests.local_cloud.emulator_process import Emulator
from tests.payment_benches import START_S, Bench, running
from tests.plays import WIN_BACK

PARALLEL = 50
THREADS = 8
NOW = START_S * 1000
POLICY = WinBackPolicy(
    name="unpaid",
    causes=(Cause.UNPAID,),
    steps=(WinBackStep(name="offer", template="win_back_offer", after_days=0.0),),
)
CONFIG = Config(
    company=Company(name="Acme", time_zone="UTC", currency="EUR"),
    win_back=WinBack(policies=(POLICY,), send_hour=0, return_url="https://app.acme.example/back"),
    offers=Offers(holdout_pct=0),
)
PLAY = msgspec.structs.replace(
    WIN_BACK, started_ms=NOW, opened_ms=NOW, until_ms=NOW + 60 * DAY_MS, since_ms=NOW - 400 * DAY_MS
)
FIRST = Entry(seq=1, at_ms=NOW, kind=Kind.OPENED)


@pytest.fixture(scope="module")
def table(emulator: Emulator) -> Any:
    """An episodes table on the emulator."""
    resource: Any = emulator.dynamodb()
    own = replace(tables.EPISODES, role="episodes-of-offers")
    create(resource.meta.client, own)
    return resource.Table(own.role)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The payment provider behind its server."""
    with running(tmp_path) as made:
        yield made


class Everybody:
    """Contacts of whom everybody may be written to."""

    def look(self, asked: Asked, /) -> Standing:
        return Standing()


def test_fifty_plays_that_ask_for_a_customers_offer_at_once_get_one(table: Any) -> None:
    offers = OfferTable(table)

    def claim(number: int) -> OfferClaim | None:
        wanted = OfferClaim(
            customer="cus_asked",
            play=f"{number:024x}",
            percent=20,
            months=3,
            code=f"BACK-{number}",
            claimed_ms=NOW,
            expires_ms=NOW + 14 * DAY_MS,
            free_ms=NOW + 365 * DAY_MS,
        )
        return offers.claim(wanted, now_ms=NOW)

    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(claim, range(PARALLEL)))

    [held] = [one for one in found if one is not None]
    assert offers.claim(held, now_ms=NOW + DAY_MS) == held


def test_fifty_steps_of_a_play_at_once_make_one_coupon_and_one_code(table: Any, bench: Bench) -> None:
    plays, play = PlayTable(table), msgspec.structs.replace(PLAY, customer=bench.customer())
    assert plays.open(play, FIRST)
    steps = stepper_of(table, bench)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda _: until_it_waits(steps, play), range(PARALLEL)))

    [coupon] = bench.ask("GET", "/v1/coupons", limit=100)["data"]
    [code] = bench.ask("GET", "/v1/promotion_codes", limit=100)["data"]
    found = plays.read(play.id)
    assert found is not None
    entries = whole(found[1])
    [made] = [entry for entry in entries if entry.kind is Kind.OFFER]
    assert coupon["id"] == coupon_id(play)
    assert (code["id"], code["code"], code["customer"]) == (made.provider_id, made.code, play.customer)
    assert [entry.kind for entry in entries].count(Kind.OFFER_CLAIMED) == 1
    assert [entry.kind for entry in entries].count(Kind.MAIL) == 1


def stepper_of(table: Any, bench: Bench) -> PlayStepper:
    """The product's own stepper over the emulator's table and the provider's server."""

    def sent(request: MailRequest) -> MailFate:
        return MailFate(fate=Fate.SENT, key=request.step)

    about = AboutAccounts(config=CONFIG, record=lambda _: None, facts=lambda _: (), contacts=Everybody())
    return stepper(
        plays=PlayTable(table),
        offers=OfferTable(table),
        provider=lambda: bench.port,
        send=sent,
        about=about,
        dunned=lambda _: False,
        now_ms=lambda: NOW,
    )


def until_it_waits(steps: PlayStepper, play: Play) -> None:
    """Step as the state machine does: again while there is something to do, and after what got no answer."""
    while True:
        try:
            if steps.step(play.id, 1).do == "wait":
                return
        except UnavailableError:
            continue
