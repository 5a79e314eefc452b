"""Campaigns: whether each is paused, and how many of its mails bounced or annoyed."""

from collections.abc import Iterator
from typing import Final

from boto3.dynamodb.conditions import Key

from stemtide.calls import DAY_MS, day_of
from stemtide.mail.campaigns import Campaign, Counts
from stemtide.store import contact_keys as keys
from stemtide.store.contact_items import ContactItems

COUNTED: Final = ("mails", "bounces", "complaints")


class Campaigns:
    """The rows of campaigns. Every method raises `ports.UnavailableError` when its outcome is unknown."""

    def __init__(self, items: ContactItems) -> None:
        self._items = items
        self._enlisted: set[str] = set()

    def enlist(self, campaign: str) -> None:
        """Have a campaign in the list of all; asked once per process."""
        if campaign not in self._enlisted:
            self._items.put_new(keys.key(keys.CAMPAIGNS, campaign))
            self._enlisted.add(campaign)

    def names(self) -> Iterator[str]:
        """Every campaign that a mail was claimed for."""
        for item in self._items.query(Key("pk").eq(keys.CAMPAIGNS)):
            yield item["sk"]

    def read(self, campaign: str, *, at_ms: int, window_days: int) -> Campaign:
        """A campaign as of now, with the counts of the mails claimed within a window (model time) since it
        was resumed last."""
        state = self._items.get(keys.key(keys.of_campaign(campaign), keys.STATE)) or {}
        run = int(state.get("run", 0))
        return Campaign(
            name=campaign,
            paused=state.get("paused"),
            paused_ms=None if "paused_ms" not in state else int(state["paused_ms"]),
            run=run,
            counts=self._counts(campaign, run, first_ms=at_ms - (window_days - 1) * DAY_MS),
        )

    def pause(self, campaign: str, *, why: str, at_ms: int) -> bool:
        """Stop a campaign; False if it stands already (the first reason stays)."""
        return self._items.change(
            keys.key(keys.of_campaign(campaign), keys.STATE),
            "SET paused = :why, paused_ms = :at",
            ConditionExpression="attribute_not_exists(paused)",
            ExpressionAttributeValues={":why": why, ":at": at_ms},
        )

    def resume(self, campaign: str) -> bool:
        """Let a campaign go on, counting anew; False if it is not paused.

        worker                              person
        reads: not paused, run 0
                                            it is paused, and resumed: run 1
        claims for run 0 -> refused: the run is another. Reads again.
        """
        return self._items.change(
            keys.key(keys.of_campaign(campaign), keys.STATE),
            "REMOVE paused, paused_ms ADD #run :one",
            ConditionExpression="attribute_exists(paused)",
            ExpressionAttributeNames={"#run": "run"},
            ExpressionAttributeValues={":one": 1},
        )

    def _counts(self, campaign: str, run: int, *, first_ms: int) -> Counts:
        begin = f"{keys.COUNTS_PREFIX}{run:06d}#"
        days = Key("sk").between(f"{begin}{day_of(first_ms)}", f"{begin}~")
        totals = dict.fromkeys(COUNTED, 0)
        for item in self._items.query(Key("pk").eq(keys.of_campaign(campaign)) & days):
            for name in COUNTED:
                totals[name] += int(item.get(name, 0))
        return Counts(**totals)
