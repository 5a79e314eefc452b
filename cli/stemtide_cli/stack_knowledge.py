"""What the deployed stack knows, read for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stemtide.as_of import last_closed_day

from stemtide_cli.errors import CliError
from stemtide_cli.history import history_of
from stemtide_cli.instants import now_ms
from stemtide_cli.mapping_training import Kind
from stemtide_cli.stack import Stack

if TYPE_CHECKING:
    from stemtide.config_schema import Config
    from stemtide.facts import Fact
    from stemtide.plays.labels import Label
    from stemtide.plays.treated import Treated

    from models.material import Material
    from models.stack_material import Known

INSTEAD = "give --mapping and --data to learn from a log"


@contextmanager
def known_to(
    stack: Stack, config: Config, say: Callable[[str], None], *, at_ms: int | None = None
) -> Iterator[tuple[Known, int]]:
    """All that the stack knows, and the last day that is over (since 1970-01-01).

    The rows are in a file on the disk that is gone at the end.

    Args:
        at_ms: the instant by which a day is over, None: now. A hurried clock is ahead of it, and what became
            of plays goes by that.

    Raises:
        UnavailableError: no answer.
    """
    from stemtide.store.history import Wanted, merged

    from models.stack_material import Known

    last = last_closed_day(now_ms() if at_ms is None else at_ms)
    say("reading the history")
    with merged(history_of(stack), Wanted(first=0, last=last), say) as connection:
        facts = _facts(stack, config, say)
        labels, treated = _plays(stack, say)
        known = Known(connection=connection, facts=facts, config=config, labels=labels, treated=treated)
        yield known, last


def require_enough(material: Material, kind: Kind, *, needs_terms: bool) -> None:
    """Refuse a stack that knows too little for there to be any row, and say what to do.

    Raises:
        CliError: no usage, no terms where they are asked for, or no plans to rank.
    """
    if not material.histories:
        raise CliError(
            "the stack has no day with usage that is over, so there is no history to learn from yet",
            hint="wait for the nightly run, or `stemtide recompute --from DAY`: both write the archive's days"
            f" into it; or {INSTEAD}",
        )
    if needs_terms and not material.terms:
        raise CliError(
            "the stack was never told of a subscription: without terms there is nobody to look at",
            hint="send `Subscription …` events (docs/events.md), or write subscribed = false and"
            f' churn = "silent" in [training] of stemtide.toml; or {INSTEAD}',
        )
    if kind is Kind.UPGRADED and len(material.config.plans) < 2:
        raise CliError(
            "stemtide.toml ranks fewer than two plans: nothing can be an upgrade",
            hint=f"name the plans you sell in [[plans]], each with its rank; or {INSTEAD}",
        )


def _facts(stack: Stack, config: Config, say: Callable[[str], None]) -> dict[str, list[Fact]]:
    """All facts; a ticket's text that is still there gives way to its sentiment."""
    from stemtide.facts import without_text
    from stemtide.sentiment import sentiment_by
    from stemtide.store.fact_scan import scan_facts
    from stemtide.store.pace import Threads
    from stemtide.store.table_scan import SEGMENTS

    from models.stack_material import by_account

    say("reading the facts of the accounts table")
    sentiment_of = sentiment_by(config.support.sentiment)
    segments = 1 if stack.is_local else SEGMENTS  # the local cloud knows none
    pages = scan_facts(
        stack.client("dynamodb"), stack.tables["accounts"], side_by_side=Threads(), segments=segments
    )
    return by_account([(name, without_text(fact, sentiment_of)) for name, fact in page] for page in pages)


def _plays(stack: Stack, say: Callable[[str], None]) -> tuple[list[Label], list[Treated]]:
    """The labels of plays, and who was treated: by a label, and by the ledger where there is none yet."""
    from stemtide.plays.treated import by_label, by_ledger
    from stemtide.store.pace import Threads
    from stemtide.store.plays import PlayTable
    from stemtide.store.table_scan import SEGMENTS

    if "episodes" not in stack.tables:
        return [], []
    say("reading what came of plays")
    table, side_by_side = PlayTable(stack.table("episodes")), Threads()
    labels: list[Label] = []
    plays: list[str] = []
    segments = 1 if stack.is_local else SEGMENTS  # the local cloud knows none
    for rows, told in table.everything(side_by_side=side_by_side, segments=segments):
        labels += told
        plays += [row.id for row in rows if not row.held_out]
    labelled = {label.play for label in labels}
    read = side_by_side(table.read, [one for one in plays if one not in labelled])
    treated = [*map(by_label, labels), *(by_ledger(*found) for found in read if found is not None)]
    return labels, [one for one in treated if one is not None]
