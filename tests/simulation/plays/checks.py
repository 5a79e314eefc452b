"""What must be true after a run, told from the stand-ins' truth and the numbers of the configuration."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from stemtide.dunning.ledger import Kind, LedgerGapError, whole
from stemtide.plays.play import Journey, Outcome, Play

from tests.simulation.dunning.machine import TOO_LONG
from tests.simulation.plays.world import CONFIG, HUNDRED, World

SECOND_MS = 1000


def problems(world: World) -> list[str]:
    """Everything that is wrong; empty: nothing."""
    checks = (_mails, _offers, _rows, _outcomes, _ledgers)
    return [one for check in checks for one in check(world)]


def _mails(world: World) -> Iterator[str]:
    rows = {row.id: row for row, _ in world.plays.all()}
    sent = Counter((one.request.episode, one.request.step) for one in world.mails)
    yield from (f"mail {key} was sent {times} times" for key, times in sent.items() if times > 1)
    for mail in world.mails:
        row = rows[mail.request.episode]
        if row.held_out:
            yield f"{row.id} is held out and was written to"
        for why in _stopped(world, row, mail.begun):
            yield f"mail {mail.request.step} of {row.journey} {row.account} after {why}"


def _stopped(world: World, row: Play, begun: int, *more: str) -> list[str]:
    """What had happened before a step began to look, after which nothing may be done; `more` counts, too."""
    causes = ["held", *more]
    causes += ["stopped", "back"] if row.journey is Journey.WIN_BACK else ["calm"]
    found = [why for why in causes if world.since.get((row.account, why), begun + 1) <= begun]
    left = world.since.get((row.account, "left"), begun + 1)
    back = world.since.get((row.account, "back"), 0)
    if row.journey is Journey.RETENTION and left <= begun and back < left:
        found.append("left")
    return found


def _offers(world: World) -> Iterator[str]:
    coupons = world.provider.world.store.all("coupon")
    codes = list(world.provider.world.store.all("promotion_code"))
    by_account = Counter(one["metadata"]["account"] for one in coupons)
    yield from (f"{name} has {n} coupons" for name, n in by_account.items() if n > 1)
    by_customer = Counter(one["customer"] for one in codes)
    yield from (f"{name} has {n} codes" for name, n in by_customer.items() if n > 1)
    rows = {row.id: row for row, _ in world.plays.all()}
    service = Fraction(HUNDRED - CONFIG.offers.gross_margin_pct, HUNDRED)
    for one in world.provider.world.store.all("coupon"):
        row = rows[one["metadata"]["episode"]]
        price = 1 - Fraction(str(one["percent_off"])) / HUNDRED
        if (price - service) / price < Fraction(CONFIG.offers.margin_floor_pct, HUNDRED):
            yield f"{one['id']} is below the margin floor"
        if Fraction(str(one["percent_off"])) / HUNDRED * one["duration_in_months"] > Fraction(
            str(CONFIG.offers.max_cost_months)
        ):
            yield f"{one['id']} costs too much"
        if row.held_out or row.no_offer:
            yield f"{one['id']} was made for somebody held out"
        if row.tenure_days < CONFIG.offers.min_tenure_days:
            yield f"{one['id']} was made for somebody new"
    for play, begun in world.made:
        for why in _stopped(world, rows[play], begun, "stopped"):
            yield f"an offer of {rows[play].journey} {rows[play].account} after {why}"
    if any(one["max_redemptions"] != 1 or one["customer"] is None for one in codes):
        yield "a code can be taken more than once, or by anybody"


def _rows(world: World) -> Iterator[str]:
    by_account = defaultdict(list)
    for row, _ in world.plays.all():
        by_account[row.account, row.journey].append(row)
        if not row.is_over:
            yield f"{row.id} never ended: {row.next_reason}"
    for rows in by_account.values():
        rows.sort(key=lambda row: row.opened_ms)
        for before, after in pairwise(rows):
            if after.opened_ms < before.again_ms:
                yield f"{after.account} had two {after.journey} plays too close"
    for one in world.machine.executions.values():
        if one.failed == TOO_LONG:
            yield f"{one.name} has too long a history"


def _outcomes(world: World) -> Iterator[str]:
    labels = Counter(label.play for label in world.plays.labels)
    for row, _ in world.plays.all():
        wanted = 0 if row.outcome in (None, Outcome.UNOBSERVED) else 1
        if labels[row.id] != wanted:
            yield f"{row.id} ended {row.outcome} with {labels[row.id]} labels"
        yield from _true(world, row)
    for label in world.plays.labels:
        if label.at_ms > label.known_ms:
            yield f"the label of {label.play} was known before it happened"
        if label.held_out and label.treatments:
            yield f"{label.play} is held out and was treated"
        if bool(label.cost) != label.redeemed:
            yield f"{label.play} cost {label.cost}, redeemed {label.redeemed}"


def _true(world: World, row: Play) -> Iterator[str]:
    """Whether an outcome is what happened, to the provider's second."""
    moves = [
        (at_ms, what)
        for at_ms, what in world.was[row.account]
        if row.started_ms - SECOND_MS < at_ms <= row.until_ms + SECOND_MS
    ]
    back = [at_ms for at_ms, what in moves if what == "back"]
    left = [at_ms for at_ms, what in moves if what == "left" and at_ms >= row.started_ms]
    inside = row.until_ms - SECOND_MS
    if row.outcome is Outcome.LOST and any(row.started_ms + SECOND_MS < at_ms < inside for at_ms in back):
        yield f"{row.id} is lost, and {row.account} came back"
    if row.outcome is Outcome.REACTIVATED and not back:
        yield f"{row.id} is reactivated, and {row.account} never came back"
    if row.outcome is Outcome.CHURNED and not left:
        yield f"{row.id} churned, and {row.account} never left"
    last = next((what for at_ms, what in reversed(moves) if at_ms < inside), "back")
    if row.outcome is Outcome.SAVED and last == "left":
        yield f"{row.id} is saved, and {row.account} has left"


def _ledgers(world: World) -> Iterator[str]:
    made = {one["metadata"]["episode"] for one in world.provider.world.store.all("promotion_code")}
    for row, entries in world.plays.all():
        try:
            whole(entries)
        except LedgerGapError as error:
            yield f"{row.id}: {error}"
        kinds = [entry.kind for entry in entries]
        if row.is_over and (kinds[0] is not Kind.OPENED or kinds[-1] is not Kind.ENDED):
            yield f"{row.id}: its ledger does not begin and end"
        if kinds.count(Kind.HALTED) > 1 or kinds.count(Kind.ENDED) > 1 or kinds.count(Kind.OFFER) > 1:
            yield f"{row.id}: something is told twice"
        if Kind.OFFER in kinds and row.id not in made:
            yield f"{row.id}: an offer that the provider does not know"
        steps = Counter(entry.step for entry in entries if entry.kind in (Kind.MAIL, Kind.TASK))
        yield from (f"{row.id}: {step} is told {n} times" for step, n in steps.items() if n > 1)
