"""What the producers of a run put."""

from typing import Final

from tests.simulation import plan as p
from tests.simulation.dice import Dice
from tests.simulation.kinds import BIT
from tests.simulation.pool import ACCOUNTS, PER_ACCOUNT, Item, pool

GAPS_MS: Final = (50, 900, 15_000, 45_000, 70_000, 200_000)


class Records:
    """Makes puts. `window`: ids that are known for certain; `near_midnight`: calls of the next day come."""

    def __init__(self, dice: Dice, *, window: int, near_midnight: bool) -> None:
        self.dice = dice
        self.window = window
        self.near_midnight = near_midnight
        self.next = {account: dice.below(PER_ACCOUNT) for account in ACCOUNTS}
        self.sent: dict[str, list[int]] = {account: [] for account in ACCOUNTS}
        self.put_kinds = 0

    def put(self, count: int) -> p.Put:
        """So many records."""
        roll = self.dice.roll
        self.put_kinds = 0
        specs = tuple(self._spec() for _ in range(count))
        how = p.PUT_ONCE
        if roll() < 0.2 and self.dice.has("ambiguous put"):
            how = p.AMBIGUOUS
        elif roll() < 0.2 and self.dice.has("partly refused put"):
            how = p.PARTLY_REFUSED
        gap = 20 * 60_000 if roll() < 0.06 else self.dice.among(GAPS_MS)
        return p.Put(gap, how, specs, self.put_kinds)

    def _spec(self) -> p.Spec:
        roll = self.dice.roll
        account = self._account()
        if roll() < 0.04 and self.dice.has("poison record"):
            self.put_kinds |= BIT["poison record"]
            return p.Spec(account, (self.dice.among(pool().poison),))
        if roll() < 0.13:
            items = tuple(self._item(account) for _ in range(2 + int(roll() * 3)))
            if roll() < 0.15 and self.dice.has("poison record"):
                bad = self.dice.among([one for one in pool().poison if one.in_batch])
                items = (*items, bad)
            return p.Spec(account, items, batch=True)
        key = account
        if roll() < 0.06 and self.dice.has("foreign key"):
            self.put_kinds |= BIT["foreign key"]
            key = self.dice.among(ACCOUNTS)
        return p.Spec(key, (self._item(account),))

    def _account(self) -> str:
        if self.dice.has("hot account") and self.dice.roll() < 0.6:
            self.put_kinds |= BIT["hot account"]
            return ACCOUNTS[0]
        return self.dice.among(ACCOUNTS)

    def _item(self, account: str) -> Item:
        roll = self.dice.roll
        at = roll()
        if at < 0.2:
            found = self._special(account, at)
            if found is not None:
                return found
        number = self.next[account]
        self.next[account] = (number + 1) % PER_ACCOUNT
        self.sent[account].append(number)
        return pool().fresh[account][number]

    def _special(self, account: str, at: float) -> Item | None:
        """What is not simply one more call: duplicates first, then odd times, then facts."""
        sent, found = self.sent[account], pool()
        if at < 0.05:
            return self._sent("duplicate, soon", account, 1 + int(self.dice.roll() * self.window))
        if at < 0.09 and self.dice.has("duplicate, later"):
            return self._sent("duplicate, later", account, 1 + int(self.dice.roll() * max(1, len(sent))))
        if at < 0.11 and self.dice.has("duplicate that says something else") and sent:
            self.put_kinds |= BIT["duplicate that says something else"]
            return found.twins[account][self.dice.among(sent[-2 * self.window :])]
        for name, limit, items in (
            ("late call", 0.14, found.late),
            ("too late call", 0.15, found.too_late),
            ("call from the future", 0.16, found.future),
        ):
            if at < limit and self.dice.has(name):
                self.put_kinds |= BIT[name]
                return self.dice.among(items[account])
        if at < 0.18:
            return self.dice.among(found.facts[account])
        if at < 0.195 and self.near_midnight:
            return self.dice.among(found.tomorrow[account])
        return self.dice.among(found.timeless[account]) if at < 0.2 else None

    def _sent(self, kind: str, account: str, back: int) -> Item | None:
        sent = self.sent[account]
        if back > len(sent):
            return None
        self.put_kinds |= BIT[kind]
        return pool().fresh[account][sent[-back]]
