"""The real service and the real store on tables in memory, beside an SES that remembers what it took."""

from collections import deque
from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from stemtide.calls import DAY_MS
from stemtide.clock import ModelClock
from stemtide.config import Config
from stemtide.config_mail import CampaignPause, Cap, Contacts, Mail, QuietHours
from stemtide.config_schema import Company
from stemtide.mail.budget import HOUR_MS
from stemtide.mail.judging import LEASE_MS
from stemtide.mail.message import MailClass, MailRequest, Rendered, address_key
from stemtide.mail.notices import Notice, NoticeKind
from stemtide.mail.noticing import Noticing
from stemtide.mail.outcomes import Outcome, Reason
from stemtide.mail.ports import Claim, MailRefusedError, SendingStoppedError, Stop, TooFastError
from stemtide.mail.service import MailService
from stemtide.mail.tags import Tagged
from stemtide.ports import UnavailableError
from stemtide.store import contact_items, contacts
from stemtide.store.errors import translated

from tests.simulation.mail.story import MONDAY_MS, Act, Event, Ses, Story
from tests.simulation.mail.table import Crash, Fault, MemoryTables
from tests.simulation.mail.watch import Watch

CONFIG: Final = Config(
    company=Company(name="A", time_zone="Asia/Tokyo", currency="USD"),
    mail=Mail(
        quiet_hours=QuietHours(start="22:00", end="06:00", weekdays_only=True),
        pause=CampaignPause(min_bounces=2, min_complaints=1, bounce_pct=60, complaint_pct=50),
        soft_bounces=2,
    ),
    contacts=Contacts(
        min_gap_hours=4,
        caps=(
            *(Cap(of="lifecycle", most=2, days=2), Cap(of="transactional", most=2, days=1)),
            *(Cap(of="any", most=3, days=1), Cap(of="upsell", most=1, days=1)),
        ),
    ),
)
CLASSES: Final = {
    "payment_failed": MailClass.TRANSACTIONAL,
    "win_back_hello": MailClass.LIFECYCLE,
    "limit_reached": MailClass.LIFECYCLE,
    "broken": MailClass.LIFECYCLE,
}
KINDS: Final = (*NoticeKind, NoticeKind.BOUNCED, NoticeKind.COMPLAINED, NoticeKind.SOFT_BOUNCED)
MOST_PAST: Final = 3
RARELY: Final = 300
AGAIN: Final = 0.7
RATHER_AN_ACT: Final = 0.7


class World:
    """One story being told. `history` is what happened, for people."""

    def __init__(self, told: Story) -> None:
        self.story = told
        self.history: list[str] = []
        self.watch = Watch(CONFIG, now=lambda: self.now_ms)
        self.tables = MemoryTables(fault=self._fault, other=self._other, wrote=self.watch.wrote)
        self.now_ms = MONDAY_MS + (told.seed % 3) * HOUR_MS
        self.source = Random(told.seed)
        self.answers = dict(told.answers)
        self.faults = dict(told.faults)
        self.accepted: list[tuple[str, Claim]] = []
        """Message ids that SES gave out, each with its claim."""
        self.noticed: set[str] = set()
        self.outcomes: dict[int, list[Outcome]] = {}
        self.calm = False
        self.doubtful = False
        """Whether anything has happened after which nobody can know whether a mail was sent."""
        self._latest_ms = 0
        self._sends = 0
        self._tokens = 0
        self._pending: deque[Event] = deque(told.events)
        self._depth = 0
        self.store = contacts.Contacts(self.tables.table("contacts"), accounts_table="accounts")
        self.service = MailService(
            rows=self.store,
            sender=self,
            renderer=self,
            class_of=CLASSES.__getitem__,
            unsubscribe_url=lambda request: "https://example.com/u",
            config=CONFIG,
            clock=ModelClock(),
            real_ms=lambda: self.now_ms,
            token=self._token,
            pause=self._pass,
        )
        self.noticing = Noticing(
            addresses=self.store.addresses,
            mails=self.store.notices,
            campaigns=self.store.campaigns,
            config=CONFIG.mail,
            clock=ModelClock(),
            real_ms=lambda: self.now_ms,
            paused=lambda campaign, why: None,
        )

    def run(self) -> None:
        """Everything that happens, then the same requests again when nothing goes wrong any more."""
        clock = SimpleNamespace(time=lambda: self.now_ms / 1000)
        with patch.object(contact_items, "time", clock):
            while self._pending:
                self._next()
            self.calm = True
            self.tables.settle()
            self.now_ms = max(self.now_ms, self._latest_ms) + LEASE_MS + 1
            self._sweep()
            for message_id, claim in list(self.accepted):
                if message_id in self.noticed:
                    continue
                if self.source.random() < 0.5:
                    self._notice(message_id, claim, self.source.choice(KINDS))
            for n in (*range(len(self.story.requests)),) * 2:  # one may end another of the same key
                self._request(n)

    # What the service asks for.

    def render(self, request: MailRequest, **_: Any) -> Rendered:
        if request.template == "broken":
            raise ValueError("no such value")
        return Rendered(subject="s", text="t", html="h")

    def send(self, claim: Claim, content: Rendered) -> str:
        self._sends += 1
        answer = Ses.TAKES if self.calm else self.answers.pop(self._sends, Ses.TAKES)
        self._say(f"SES {answer}: {claim.asked.key[:6]} of {claim.asked.account}")
        self.doubtful |= answer in (Ses.LOST, Ses.LOST_BEFORE, Ses.CRASH_BEFORE, Ses.CRASH_AFTER)
        if answer is Ses.OTHER:
            self._other()
        refused = {
            Ses.TOO_FAST: TooFastError,
            Ses.REJECTS: MailRefusedError,
            Ses.STOPPED: SendingStoppedError,
        }
        if answer in refused:
            raise refused[answer](answer.name)
        if answer is Ses.CRASH_BEFORE:
            raise Crash
        if answer is Ses.LOST_BEFORE:
            raise UnavailableError
        message_id = f"m{len(self.accepted)}"
        self.accepted.append((message_id, claim))
        if answer is Ses.CRASH_AFTER:
            raise Crash
        if answer is Ses.LOST:
            raise UnavailableError
        return message_id

    # What happens.

    def _next(self) -> None:
        event = self._pending.popleft()
        self.now_ms += self.source.choice((10, 900, 20_000, HOUR_MS, 3 * HOUR_MS))
        try:
            if event.act is None:
                self._request(event.request)
            else:
                self._say(f"{event.act} (of request {event.request})")
                self._act(event)
        except Crash:
            self._say("it dies")
            if event.act is None and self.source.random() < AGAIN:
                self._pending.append(event)  # whoever asked asks again
        except UnavailableError as error:
            self._say(f"no reply: {error!r}")

    def _request(self, n: int) -> None:
        request = self.story.requests[n]
        self._say(f"request {n}: {request.template} to {request.to} of {request.account}")
        outcome = self.service.send(request)
        self._say(f"request {n}: {outcome}")
        self.outcomes.setdefault(n, []).append(outcome)

    def _act(self, event: Event) -> None:
        acts: dict[Act | None, Callable[[Event], object]] = {
            Act.NOTICE: self._old_notice,
            Act.FOREIGN: self._foreign_notice,
            Act.SWEEP: lambda _: self._sweep(),
            Act.WAIT: lambda _: self._shift(event.much * HOUR_MS // 10),
            Act.BACK: lambda _: self._shift(-event.much * HOUR_MS // 100),
            Act.PAUSE: lambda _: self.store.pause(request.of_campaign, why="by hand", at_ms=self.now_ms),
            Act.RESUME: lambda _: self.store.campaigns.resume(request.of_campaign),
        }
        request = self.story.requests[event.request]
        acts.get(event.act, self._of_people)(event)

    def _of_people(self, event: Event) -> None:
        request = self.story.requests[event.request]
        account, address = request.account, address_key(request.to)
        at = {"at_ms": self.now_ms}
        match event.act:
            case Act.OPT_OUT:
                self.store.opt_out(address, account=account, how="one click", **at)
            case Act.OPT_IN:
                self.store.opt_in(address, account=account, how="page", **at)
            case Act.CHOOSE:
                off = ("win_back", "upsell")[event.much % 2]
                self.store.choices.choose(address, off=[off], account=account, how="page", **at)
            case Act.HOLD:
                self.store.hold(account, why="a case", **at)
            case Act.RELEASE:
                self.store.release(account, **at)
            case Act.ERASE if event.much < RARELY:
                self.store.erase(account, **at)
            case Act.LEAVE_ALONE:
                record = {"account": account, "item": "record", "do_not_contact": True}
                with translated():
                    self.tables.put_item(TableName="accounts", Item=record)

    def _old_notice(self, event: Event) -> None:
        if self.accepted:
            message_id, claim = self.accepted[event.much % len(self.accepted)]
            self._notice(message_id, claim, KINDS[event.much % len(KINDS)])

    def _foreign_notice(self, event: Event) -> None:
        kind = (NoticeKind.BOUNCED, NoticeKind.COMPLAINED)[event.much % 2]
        address = address_key(self.story.requests[event.request].to)
        self.noticing.take(Notice(kind, self.now_ms, "foreign", (address,), None, ""))

    def _shift(self, ms: int) -> None:
        self._latest_ms = max(self._latest_ms, self.now_ms)
        self.now_ms += ms

    def _notice(self, message_id: str, claim: Claim, kind: NoticeKind) -> None:
        self._say(f"notice: {message_id} {kind}")
        tags = Tagged(claim.asked.account, claim.asked.key, claim.mail_class)
        told = tags if self.source.random() < 0.8 else None
        affected = kind in (NoticeKind.BOUNCED, NoticeKind.COMPLAINED, NoticeKind.SOFT_BOUNCED)
        addresses = (claim.asked.address,) if affected else ()
        at_ms = self.now_ms - self.source.choice((0, 0, DAY_MS))
        self.noticing.take(Notice(kind, at_ms, message_id, addresses, told, ""))
        if told is not None:
            self.noticed.add(message_id)
        if kind in (NoticeKind.BOUNCED, NoticeKind.COMPLAINED):
            stop = Stop.BOUNCED if kind is NoticeKind.BOUNCED else Stop.COMPLAINED
            self.watch.must_stop(claim.asked.address, stop)

    def _sweep(self) -> None:
        for row in list(self.store.open_claims(self.now_ms - LEASE_MS)):
            self.store.mark_unknown(row, reason=Reason.ABANDONED, at_ms=self.now_ms)

    def _fault(self) -> Fault | None:
        if self.calm:
            return None
        fault = self.faults.pop(self.tables.calls, None)
        if fault is not None:
            self.doubtful |= fault is not Fault.OTHER
            self._say(f"call {self.tables.calls}: {fault.value}")
        return fault

    def _other(self) -> None:
        """Something else happens, whole or until it dies, between two steps of what is happening."""
        began_ms = self.now_ms
        for _ in range(self.source.choice((1, 1, 2))):
            if self._pending and self._depth < MOST_PAST:
                self._depth += 1
                self._pending.rotate(-self.source.randrange(len(self._pending)))
                acts = [n for n, event in enumerate(self._pending) if event.act is not None]
                if acts and self.source.random() < RATHER_AN_ACT:
                    self._pending.rotate(-acts[0])
                self._next()
                self._depth -= 1
        self.doubtful |= self.now_ms - began_ms > LEASE_MS  # it must have died meanwhile

    def _pass(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    def _token(self) -> str:
        self._tokens += 1
        return f"t{self._tokens}"

    def _say(self, what: str) -> None:
        self.history.append(f"{(self.now_ms - MONDAY_MS) / HOUR_MS:9.3f} h {'  ' * self._depth}{what}")
