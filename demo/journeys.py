"""What dunning, win-back and retention did, waited for and read back through the HTTP API."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from demo.customers import CUSTOMERS, Customer, Paying
from demo.report import Collected, Ending, Kept, Told
from demo.stages import Say, wait_until
from demo.web import Web

TIMEOUT_S: Final = 300
AT_RISK: Final = ("high", "critical")
DONE: Final = ("mail", "mail_skipped", "task")
STORY_OF: Final = next(one for one in CUSTOMERS if one.answers == "returns")
TOLD: Final = frozenset(
    {
        *("episode_started", "charge", "mail_sent", "subscription_canceled", "episode_ended", "offer_made"),
        *("mail_deferred", "mail_refused", "mail_skipped", "offer_withheld", "episode_halted", "csm_task"),
    }
)
"""What of a timeline the story tells: what was done and what was withheld."""
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Journeys:
    """The API, and the customers at the provider."""

    web: Web
    paying: Paying

    def collected(self, say: Say) -> None:
        """Wait until every run of dunning is over, and every customer that was given up has an outcome.

        Raises:
            StageError: it has not happened in time.
        """

        def missing() -> str | None:
            self.paying.check()
            running = [one.name for one in CUSTOMERS if not _is_over(self._of(one.account))]
            return f"what becomes of {', '.join(running)}" if running else None

        wait_until(missing, timeout_s=TIMEOUT_S, say=say)

    def endings(self) -> list[Ending]:
        """How each customer's story ended."""
        found = []
        for one in CUSTOMERS:
            by_journey = {each["journey"]: self._whole(each) for each in self._of(one.account)}
            found.append(_ending(one, by_journey))
        return found

    def sums(self) -> Collected:
        """Amounts due and recovered of all who failed to pay, in minor units, and what it took."""
        runs = [self._whole(one) for each in CUSTOMERS for one in self._of(each.account)]
        dunned = [one for one in runs if one["journey"] == "dunning"]
        paid = [one for one in dunned if one["ending"] == "recovered"]
        attempts = [attempt for one in dunned for attempt in one["attempts"]]
        return Collected(
            customers=len(dunned),
            recovered=len(paid),
            due=sum(self.paying.due(one["invoice"]) for one in dunned),
            collected=sum(self.paying.due(one["invoice"]) for one in paid),
            currency="USD",
            retries=len(attempts),
            mails=sum(mail["sent"] for one in dunned for mail in one["mails"]),
            win_back_mails=sum(
                mail["sent"] for one in runs if one["journey"] == "win_back" for mail in one["mails"]
            ),
            labels=self._labels(),
        )

    def kept(self, at_risk: Mapping[str, str], say: Say) -> Kept:
        """Wait until every account at risk (by tier) has its play, and those who are not held out their first
        step; what was done.

        Raises:
            StageError: it has not happened in time.
        """
        plays: dict[str, Body] = {}

        def missing() -> str | None:
            for account in at_risk.keys() - plays.keys():
                for one in self._of(account):
                    if one["journey"] == "retention" and _has_begun(whole := self._whole(one)):
                        plays[account] = whole
            left = sorted(at_risk.keys() - plays.keys())
            return f"a play of {', '.join(left[:5])} ({len(left)} of {len(at_risk)})" if left else None

        wait_until(missing, timeout_s=TIMEOUT_S, say=say)
        return _kept(plays.values())

    def story(self) -> list[Told]:
        """One customer's timeline, oldest first: what was done, what was withheld and why."""
        path = f"/v1/accounts/{quote(STORY_OF.account, safe='')}/timeline"
        entries = self.web.get(path, query={"limit": 200})["entries"]
        return [_told(one) for one in reversed(entries) if one["kind"] in TOLD]

    def _labels(self) -> dict[str, int]:
        told = self.web.get("/v1/labels", query={"limit": 500})["labels"]
        own = {one.account for one in CUSTOMERS}
        found = Counter(label["outcome"] for label in told if label["account"] in own)
        return dict(sorted(found.items()))

    def _of(self, account: str) -> list[Body]:
        path = f"/v1/accounts/{quote(account, safe='')}/episodes"
        found: list[Body] = self.web.find(path, missing={"episodes": []})["episodes"]
        return found

    def _whole(self, listed: Body) -> Body:
        found: Body = self.web.get(f"/v1/episodes/{listed['id']}")
        return found


def _is_over(runs: Sequence[Body]) -> bool:
    """Whether dunning has ended and, if it gave up, win-back has an outcome."""
    by_journey = {one["journey"]: one for one in runs}
    dunning = by_journey.get("dunning")
    if dunning is None or dunning["state"] != "ended":
        return False
    if dunning["ending"] != "exhausted":
        return True
    return "win_back" in by_journey and by_journey["win_back"]["outcome"] is not None


def _has_begun(play: Body) -> bool:
    """Whether something was done about an account, or it is held out."""
    return bool(play["held_out"]) or any(entry["kind"] in DONE for entry in play["ledger"])


def _ending(one: Customer, runs: Mapping[str, Body]) -> Ending:
    dunning, back = runs["dunning"], runs.get("win_back")
    offers = [] if back is None else [offer for offer in back["offers"] if offer["state"] == "made"]
    return Ending(
        name=one.name,
        story=one.story,
        dunning=dunning["ending"],
        tries=len(dunning["attempts"]),
        mails=sum(mail["sent"] for run in runs.values() for mail in run["mails"]),
        win_back=None if back is None else back["outcome"],
        stopped=None if back is None else back["ending_reason"],
        percent=offers[0]["percent"] if offers else None,
        months=offers[0]["months"] if offers else None,
        cost=None if back is None else back["cost"],
    )


def _kept(plays: Iterable[Body]) -> Kept:
    found = list(plays)
    treated = [one for one in found if not one["held_out"]]
    told = Counter(_what(entry) for one in treated for entry in one["ledger"])
    return Kept(
        by_tier=dict(Counter(one["tier"] for one in found)),
        held_out=len(found) - len(treated),
        mails=told["mail"],
        tasks=told["task"],
        withheld=dict(sorted(_withheld(treated).items())),
    )


def _what(entry: Body) -> str:
    return str(entry["kind"])


def _withheld(plays: Iterable[Body]) -> Counter[str]:
    """What was passed over, by reason."""
    return Counter(
        str(entry["reason"]) for one in plays for entry in one["ledger"] if entry["kind"] == "mail_skipped"
    )


def _told(entry: Body) -> Told:
    facts = entry["facts"]
    about = [str(facts[name]).rpartition(":")[2] for name in ("step", "outcome", "code") if facts.get(name)]
    if "percent" in facts:
        about.insert(0, f"{facts['percent']} % for {facts['months']} months")
    reason = (entry["reason"] or "").rpartition(": ")[2]
    return Told(at=entry["at"], kind=entry["kind"], about=" ".join(about), reason=reason)


def at_risk_of(records: Iterable[Body]) -> Iterator[tuple[str, str]]:
    """The accounts in a risk tier for which something is done, with it."""
    for record in records:
        if record.get("churn_risk_tier") in AT_RISK:
            yield record["account"], record["churn_risk_tier"]
