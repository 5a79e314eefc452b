"""How long the features of an account take, for 10,000 accounts at once and for one as it is stored.

The accounts have 400 days of 25 event types and 40 of 60 users a day, a profile with terms and tickets.
"""

import time
from collections.abc import Callable
from random import Random
from statistics import median
from typing import Any, Final

from stemtide.as_of import end_of_day_ms
from stemtide.config_schema import Events, Plan
from stemtide.features.history import Day, history_of
from stemtide.features.kernel import Row, compute
from stemtide.features.packed_usage import pack_usage, unpack_usage
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import registry
from stemtide.features.usage_at import UsageAt, usage_at
from stemtide.profile import Profile, Standing, Term, Ticket
from stemtide.users import NOBODY, union, user_hash
from threadpoolctl import threadpool_limits

TODAY: Final = 20_000
HISTORY_DAYS: Final = 400
KINDS: Final = 40
"""Different accounts that the 10,000 repeat."""
ACCOUNTS: Final = 10_000
ROUNDS: Final = 15
ONE_BY_ONE: Final = 400
BASIS: Final = Basis(
    plans=(
        Plan(name="pro", rank=1, limits={"seats": 80, "api_calls": 10_000}, mrr=9900),
        Plan(name="top", rank=2),
    ),
    currency="EUR",
)


def usage_of(seed: int) -> UsageAt:
    """One account's usage as it stands at the end of the last closed day."""
    source = Random(seed)  # noqa: S311 - a made-up load
    people = [user_hash(f"{seed}-{n}") for n in range(60)]
    names = [*(f"Event {n}" for n in range(22)), "API Call", "login", "Report Created"]
    days = [
        Day(
            TODAY - ago,
            {name: 1 + int(source.expovariate(0.05)) for name in names if source.random() < 0.8},
            union(NOBODY, source.sample(people, 40)),
            union(NOBODY, source.sample(people, 4)),
        )
        for ago in range(HISTORY_DAYS, -1, -1)
        if source.random() < 0.9
    ]
    return usage_at(history_of(f"account-{seed}", days, events=Events()), TODAY)


def standing_of(seed: int) -> Standing:
    """What facts say of it."""
    terms = tuple(
        Term(plan="pro", start_ms=end_of_day_ms(TODAY - 30 * n), months=1, mrr=9900) for n in (2, 1, 0)
    )
    tickets = tuple(
        Ticket(opened_ms=end_of_day_ms(TODAY - n), csat=4.0, sentiment=0.1) for n in range(seed % 5)
    )
    profile = Profile(plan="pro", seats=50, mrr=9900, currency="EUR", since_ms=0, terms=terms[-1:])
    return Standing(profile=profile, terms=terms, tickets=tickets, nps=7)


def seconds(step: Callable[[], object], rounds: int) -> list[float]:
    """Processor time of each round: the machine is shared."""
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        step()
        taken.append(time.process_time() - began)
    return taken


def run() -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures, and what was run."""
    with threadpool_limits(1):  # a core's time
        return _run()


def _run() -> tuple[dict[str, Any], dict[str, Any]]:
    kinds = [(usage_of(seed), standing_of(seed)) for seed in range(KINDS)]
    rows = [Row(*kinds[place % KINDS], TODAY) for place in range(ACCOUNTS)]
    stored = [(pack_usage(usage), standing) for usage, standing in kinds]

    def one(place: int) -> None:
        data, standing = stored[place % KINDS]
        usage = unpack_usage("account", data)
        assert usage is not None
        compute([Row(usage, standing, TODAY)], basis=BASIS)

    compute(rows[:1000], basis=BASIS)
    batch = [taken / ACCOUNTS * 1e6 for taken in seconds(lambda: compute(rows, basis=BASIS), ROUNDS)]
    single = [taken * 1e3 for place in range(ONE_BY_ONE) for taken in seconds(lambda p=place: one(p), 1)]  # type: ignore[misc]
    figures = {
        "features.us_per_account_batch": round(median(batch), 2),
        "features.ms_one_account": round(median(single), 3),
    }
    ran = {
        "features": len(registry(BASIS.shape).features),
        "accounts": ACCOUNTS,
        "rounds": ROUNDS,
        "us_per_account_batch_min_max": [round(min(batch), 2), round(max(batch), 2)],
        "one_by_one": ONE_BY_ONE,
        "ms_one_account_p95": round(sorted(single)[int(0.95 * ONE_BY_ONE)], 3),
        "stored_bytes_median": median(len(data) for data, _ in stored),
    }
    return figures, ran


if __name__ == "__main__":
    print(run())
