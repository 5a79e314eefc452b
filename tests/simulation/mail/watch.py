"""Looks at every write of the tables at the instant it happens, with rules of its own."""

from collections.abc import Callable

from stemtide.calls import DAY_MS
from stemtide.config import Config
from stemtide.mail.budget import HOUR_MS
from stemtide.mail.message import MailClass
from stemtide.mail.ports import Stop

from tests.simulation.mail.table import Place
from tests.simulation.scoring.expressions import Item

ALL_CLASSES = {"erased", "suppressed", "bounced", "complained_of_service_mail"}
LIFECYCLE_ONLY = {"complained", "opted_out"}
OF_JOURNEY = {"upsell": {"no_upsell"}, "win_back": {"no_win_back"}}


class Watch:
    """What stands in the tables right now, and what has gone wrong."""

    def __init__(self, config: Config, *, now: Callable[[], int]) -> None:
        self.config = config
        self.now = now
        self.wrong: list[str] = []
        self.rows: dict[Place, Item] = {}
        self.claims: list[tuple[str, str]] = []
        """Account and key of every claim that was ever committed."""

    def wrote(self, place: Place, old: Item | None, new: Item | None) -> None:
        """An item was written (None: was or is not there)."""
        if old is None and new is not None and place[2].startswith("mail#"):
            self._claimed(place, new)
        if new is None:
            self.rows.pop(place, None)
        else:
            self.rows[place] = new
        if old is not None and place[2].startswith("mail#"):
            self._moved(place, old, new)

    def must_stop(self, address: str, stop: Stop) -> None:
        """A notice of this address has been worked off."""
        if stop.value not in self.rows.get(("contacts", f"address#{address}", "state"), {}):
            self.wrong.append(f"the address is not stopped after it {stop}")

    def _claimed(self, place: Place, row: Item) -> None:
        account = place[1].removeprefix("account#")
        self.claims.append((account, place[2].removeprefix("mail#")))
        address = self.rows.get(("contacts", f"address#{row['address']}", "state"), {})
        hold = self.rows.get(("contacts", place[1], "hold"), {})
        record = self.rows.get(("accounts", account, "record"), {})
        campaign = self.rows.get(("contacts", f"campaign#{row['campaign']}", "state"), {})
        against = set(ALL_CLASSES)
        if row["class"] == "lifecycle":
            against |= LIFECYCLE_ONLY | OF_JOURNEY.get(row["journey"], set())
        reasons = [
            *(against & set(address)),
            *({"held", "erased_ms"} & set(hold)),
            *({"do_not_contact"} & set(record)),
            *({"paused"} & set(campaign)),
        ]
        if reasons:
            self.wrong.append(f"{place[2]} of {account} was claimed in spite of {sorted(reasons)}")
        self._budget(place, row)

    def _budget(self, place: Place, row: Item) -> None:
        """All that was sent to the account, or may have been, counted plainly."""
        at_ms = int(row["claimed_ms"])
        others = [
            item
            for (_, pk, sk), item in self.rows.items()
            if pk == place[1] and sk.startswith("mail#") and item["state"] != "refused"
        ]
        lifecycle = row["class"] == MailClass.LIFECYCLE.value
        for cap in self.config.contacts.caps:
            limits = lifecycle if cap.of == "any" else cap.of in (row["class"], row["journey"])
            counted = [
                item
                for item in others
                if (cap.of == "any" or cap.of in (item["class"], item["journey"]))
                and min(int(item["claimed_ms"]), at_ms) > at_ms - cap.days * DAY_MS
            ]
            if limits and len(counted) >= cap.most:
                self.wrong.append(f"{place[2]} is one more than {cap.most} {cap.of} in {cap.days} days")
        gap_ms = self.config.contacts.min_gap_hours * HOUR_MS
        if lifecycle and any(min(int(item["claimed_ms"]), at_ms) + gap_ms > at_ms for item in others):
            self.wrong.append(f"{place[2]} comes too soon after another contact")

    def _moved(self, place: Place, old: Item, new: Item | None) -> None:
        """A mail's state goes forward only, and only a claim is given back."""
        was, is_ = old["state"], None if new is None else new["state"]
        ways = {
            "claimed": {"claimed", "sent", "unknown", "refused", None},
            "unknown": {"unknown", "sent"},
            "sent": {"sent"},
            "refused": {"refused"},
        }
        if is_ not in ways[was]:
            self.wrong.append(f"{place[2]} went from {was} to {is_}")
