"""`stemtide compare`: the champion and the challenger side by side."""

from datetime import datetime
from typing import Any

import click
from rich.console import Console
from stemtide.as_of import last_closed_day
from stemtide.scoring.assessment import ModelRole
from stemtide.store.records import Records

from stemtide_cli.account_rows import FROM, TO, each_account, instants
from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.instants import now_ms
from stemtide_cli.model_options import configuration
from stemtide_cli.output import escape
from stemtide_cli.promotion import registry_of

SHOWN = 10


@click.argument("name", metavar="MODEL", type=click.Choice(["churn"]))
@click.option("--challenger", metavar="VERSION", help="Which one; by default the challenger of now.")
@FROM
@TO
def compare(
    session: Session, name: str, challenger: str | None, first: datetime | None, last: datetime | None
) -> None:
    """Compare what champion and challenger said of the same nights: tiers, ranks and, once it is known who
    left, which of them told it better."""
    from models.versus import agreement, ranking

    begin, end = instants(first, last)
    version = challenger or _challenger(session, name)
    table = session.stack.table("accounts")
    with session.out.progress() as say:
        pairs, outcomes = _read(table, version, begin, end, say)
    if not pairs:
        raise CliError(
            f"champion and {version} have no score of the same instant in these days",
            hint="`stemtide sweep` or the next night makes some; --from looks further back",
        )
    result = {"model": name, "challenger": version, **agreement(pairs), "outcomes": ranking(pairs, outcomes)}
    session.out.result(result, lambda console: _show(console, result))


def _challenger(session: Session, name: str) -> str:
    with registry_of(session) as registry:
        found = registry.pointers.challenger(name).sound()
    if found is None or found.version is None:
        raise CliError(
            f"nobody challenges the champion of {name}",
            hint=f"`stemtide promote {name} VERSION --challenger`, or name a former one with --challenger",
        )
    return found.version


def _read(table: Any, version: str, begin: int, end: int, say: Any) -> tuple[list[Any], dict[Any, Any]]:
    """The pairs of all accounts, and what is known of their outcomes."""
    from models.base_terms import tiers_of, told
    from models.versus import outcome, pairs_of

    records, tiers = Records(table), tiers_of(configuration().plans)
    last_day = last_closed_day(now_ms())

    def read(account: str) -> tuple[list[Any], dict[Any, Any]]:
        theirs = records.scores(account, begin, end, role=ModelRole.CHALLENGER)
        theirs = [one for one in theirs if one.model_version == version]
        pairs = pairs_of(records.scores(account, begin, end), theirs) if theirs else []
        terms = told(records.facts(account), tiers) if pairs else ()
        return pairs, {
            (account, pair.as_of_ms): outcome(
                terms,
                as_of_ms=pair.as_of_ms,
                horizon_days=pair.challenger.horizon_days or pair.champion.horizon_days or 0,
                last_day=last_day,
            )
            for pair in pairs
        }

    found = list(each_account(table, read, say))
    outcomes = {key: label for _, some in found for key, label in some.items()}
    return [pair for some, _ in found for pair in some], outcomes


def _show(console: Console, result: dict[str, Any]) -> None:
    console.print(
        f"{result['pairs']:,} scores of {result['accounts']:,} accounts on {result['nights']} nights, "
        f"{result['first'][:10]} to {result['last'][:10]}: champion and {escape(result['challenger'])}"
    )
    ranks = result["rank_correlation"]
    correlation = "" if ranks["mean"] is None else f", rank correlation {ranks['mean']:.3f} on average"
    console.print(f"the same tier in {result['same_tier']:.1%}{correlation}")
    for name, words in (("would_move_up", "higher"), ("would_move_down", "lower")):
        moves = result[name]
        console.print(f"last night {len(moves):,} accounts would be in a {words} tier")
        for one in moves[:SHOWN]:
            scores = f"{one['score']} → {one['would_score']}"
            console.print(f"  {escape(one['account'])}: {one['tier']} → {one['would_be']} ({scores})")
    found = result["outcomes"]
    console.print(
        f"outcomes: {found['known']:,} known, {found['left']:,} of them left; {found['waiting']:,} not known"
    )
    for role in ("champion", "challenger", "difference"):
        if found[role] is not None and found[role]["auc_roc"] is not None:
            low, high = found[role]["ci"]
            console.print(f"AUC, {role}: {found[role]['auc_roc']:.3f} (95 %: {low:.3f} to {high:.3f})")
