"""The report on a screen of 100 columns."""

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.report import BALANCE, TIERS, Collected, Drops, Ending, Kept, Model, Report, Risk, Told

WIDTH: Final = 100
COLOURS: Final = {"critical": "bold red", "high": "dark_orange", "medium": "yellow", "low": "green"}
NAMES_SHOWN: Final = 6


def render(report: Report, where: list[tuple[str, str]]) -> RenderableType:
    """The whole report.

    Args:
        where: what to do next and what it shows.
    """
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    for name, value in _facts(report):
        facts.add_row(name, value)
    parts: list[RenderableType] = [
        *(facts, Text(), _riskiest(report.riskiest), Text()),
        *(_endings(report.endings), Text(), _story(report.story), Text(), _where(where)),
    ]
    return Panel(Group(*parts), title="Stemtide demo", box=box.ROUNDED, width=WIDTH, padding=(1, 2))


def show(console: Console, report: Report, where: list[tuple[str, str]]) -> None:
    console.print(render(report, where), highlight=False)


def _facts(report: Report) -> list[tuple[str, Text]]:
    return [
        ("customers", Text(f"{report.accounts:,} accounts, {report.days} days (SEED={report.seed})")),
        ("events", Text(f"{report.events:,} in {report.rows:,} calls through the stream")),
        ("counters", _counters(report)),
        ("model", _model(report.model)),
        ("tiers", _tiers(report)),
        ("usage drops", _drops(report.drops)),
        ("silent", _silent(list(report.silent))),
        ("at risk", _kept(report.kept)),
        ("unpaid", _collected(report.collected)),
    ]


def _counters(report: Report) -> Text:
    parts = " + ".join(f"{report.counters[name]:,} {name}" for name in BALANCE)
    mark = ("balanced", "green") if report.balanced else ("they do not balance", "bold red")
    return Text.assemble(f"{report.counters['in']:,} in = {parts}: ", mark)


def _model(model: Model) -> Text:
    interval = f"{model.auc_low:.3f}-{model.auc_high:.3f}"
    return Text(
        f"{model.version}: AUC {model.auc:.3f} (95 % {interval}) on held-out later time,\n"
        f"{model.positives:,} that left among {model.rows:,} rows; made-up customers, no proof of quality"
    )


def _tiers(report: Report) -> Text:
    text = Text(", ").join(Text(f"{report.tiers[tier]} {tier}", style=COLOURS[tier]) for tier in TIERS)
    return text.append(f"; {report.unscored} not scored (no longer customers)" if report.unscored else "")


def _drops(drops: Drops) -> Text:
    if drops.p50_s is None or drops.p95_s is None:
        return Text("no account's API volume fell by more than half")
    return Text(
        f"{drops.rescored} of {drops.fallen} accounts whose API volume fell by more than half were scored\n"
        f"anew by themselves: {drops.p50_s:.1f} s after the record (median), {drops.p95_s:.1f} s (p95)"
    )


def _silent(names: list[str]) -> Text:
    if not names:
        return Text("none")
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return Text(f"{len(names)} found by the hourly check and scored: {', '.join(names[:NAMES_SHOWN])}{more}")


def _kept(kept: Kept) -> Text:
    tiers = ", ".join(f"{number} {tier}" for tier, number in sorted(kept.by_tier.items()))
    passed = ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in kept.withheld.items())
    text = Text(
        f"{tiers} got the play of their tier, {kept.held_out} of them held out by lot:\n"
        f"{kept.mails} mails and {kept.tasks} tasks so far"
    )
    return text.append(f"; passed over: {passed}" if passed else "")


def _collected(found: Collected) -> Text:
    amounts = f"{_money(found.collected, found)} of {_money(found.due, found)}"
    return Text(
        f"{found.recovered} of {found.customers} failed renewals collected, {amounts},\n"
        f"by {found.retries} charges and {found.mails} mails; {found.win_back_mails} mails to win back;\n"
        f"labels for the next training: {_labels(found)}.\n"
        "A staged few: they show that it works, not how much it recovers"
    )


def _labels(found: Collected) -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in found.labels.items()) or "none"


def _money(minor: int, found: Collected) -> str:
    return f"{found.currency} {minor / 100:,.2f}"


def _endings(endings: Sequence[Ending]) -> Table:
    table = Table(
        title="Customers whose renewal failed", title_style="bold", box=box.SIMPLE_HEAD, expand=True
    )
    table.add_column("customer", no_wrap=True)
    table.add_column("what happens", ratio=1)
    table.add_column("charges", justify="right")
    table.add_column("mails", justify="right")
    table.add_column("dunning", no_wrap=True)
    table.add_column("win-back", no_wrap=True)
    for one in endings:
        table.add_row(
            Text(one.name, style="bold"), one.story, str(one.tries), str(one.mails), one.dunning, _back(one)
        )
    return table


def _back(one: Ending) -> str:
    if one.win_back is None:
        return ""
    taken = f"\n{one.percent} % for {one.months} months" if one.cost else ""
    return f"{one.win_back}{taken}" if one.cost or not one.stopped else f"{one.win_back}\n({_why(one)})"


def _why(one: Ending) -> str:
    return "" if one.stopped is None else one.stopped.replace("_", " ")


def _story(story: Sequence[Told]) -> Table:
    table = Table(title="One timeline", title_style="bold", box=box.SIMPLE_HEAD, expand=True)
    table.add_column("by the model clock", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("of what, why", ratio=1)
    for one in story:
        why = f"{one.about}: {one.reason}" if one.about and one.reason else one.about or one.reason
        table.add_row(one.at[:16].replace("T", " "), one.kind.replace("_", " "), why.replace("_", " "))
    return table


def _riskiest(risks: Sequence[Risk]) -> Table:
    table = Table(title="The riskiest customers", title_style="bold", box=box.SIMPLE_HEAD, expand=True)
    days = {risk.horizon_days for risk in risks}
    table.add_column("customer", no_wrap=True, max_width=24)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("tier", no_wrap=True)
    table.add_column(f"leaves in {days.pop()} days" if len(days) == 1 else "leaves", no_wrap=True)
    table.add_column("because", ratio=1)
    for risk in risks:
        table.add_row(*_row(risk))
    return table


def _row(risk: Risk) -> tuple[RenderableType, ...]:
    chance = _share(risk.probability)
    if risk.low is not None and risk.high is not None:
        chance += f"\nalike: {_share(risk.low)} to {_share(risk.high)}"
    if risk.confidence:
        chance += f"\nconfidence: {risk.confidence}"
    because = Text("\n".join(f"• {text}" for text in risk.drivers))
    who = Text.assemble((risk.name, "bold"), f"\n{risk.account}")
    return who, Text(str(risk.score)), Text(risk.tier, style=COLOURS[risk.tier]), Text(chance), because


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.1 else f"{100 * value:.1f} %"


def _where(where: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(ratio=1)
    for command, what in where:
        table.add_row(escape(command), escape(what))
    return table
