"""`stemtide dunning`: what a policy would make of failed payments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from stemtide.config import ConfigError, load_config

from simulator.dunning.assumptions import FileError
from stemtide_cli.command import Session, command
from stemtide_cli.errors import CliError
from stemtide_cli.model_options import configuration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stemtide.config_dunning import Policy
    from stemtide.config_schema import Config

    from simulator.dunning.collecting import Collected
    from simulator.dunning.failures import Failure

FILE = click.Path(path_type=Path, dir_okay=False)
DEFAULT_FAILURES = 2_000
MOST_FAILURES = 1_000_000
DEFAULT_SEED = 7
MAX_SEED = 2**32 - 1
STEP = 100
"""Failures between two looks at the progress."""

Policies = dict[str, "Policy"]


@click.group()
def dunning() -> None:
    """Collecting unpaid invoices: what policies would make of failed payments."""


@click.option(
    "--failures",
    type=click.IntRange(1, MOST_FAILURES),
    help=f"How many payments fail (default: {DEFAULT_FAILURES:,}); more of them begin with the same ones.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, MAX_SEED),
    default=DEFAULT_SEED,
    show_default=True,
    help="The same seed and options give the same figures.",
)
@click.option(
    "--assumptions",
    type=FILE,
    metavar="FILE",
    help="How payments fail and people answer (TOML, else simulator/dunning/assumptions.toml).",
)
@click.option(
    "--past",
    type=FILE,
    metavar="FILE",
    help="Payments that did fail: customer, amount, currency, failed_at, decline_code, paid_at; CSV or JSON.",
)
@click.option("--policy", "names", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option(
    "--config",
    "files",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="Policies of this file instead of your stemtide.toml; may be repeated.",
)
@click.option(
    "--cost-per-retry",
    type=click.IntRange(0, 10**9),
    default=0,
    show_default=True,
    help="What one costs, in minor units of the currency that you pay fees in.",
)
def simulate(
    session: Session,
    failures: int | None,
    seed: int,
    assumptions: Path | None,
    past: Path | None,
    names: tuple[str, ...],
    files: tuple[Path, ...],
    cost_per_retry: int,
) -> None:
    """Try policies on failed payments, made-up or past ones, by the decision that the product makes.

    Each policy meets the same payments, whatever segment it is for. Made-up ones rest on assumptions: they
    show what a policy does and what it costs, not what your customers would do.
    """
    from simulator.dunning.summary import plain, summarise
    from stemtide_cli.dunning_tables import show

    if past is not None and (failures is not None or assumptions is not None):
        raise click.UsageError("--past replays what happened: give it without --failures and --assumptions")
    policies = _policies(files, names)
    payments = _payments(failures or DEFAULT_FAILURES, seed, assumptions, past)
    with session.out.progress() as progress:
        results = {name: _collected(name, one, payments, progress) for name, one in policies.items()}
    first = next(iter(results.values()))
    summaries = [
        summarise(
            name, found, cost_per_retry=cost_per_retry, seed=seed, against=None if found is first else first
        )
        for name, found in results.items()
    ]
    data = {
        "source": str(past) if past is not None else "made-up",
        "assumptions": None if past is not None else str(assumptions or "shipped"),
        "seed": seed,
        "cost_per_retry": cost_per_retry,
        "policies": [plain(one) for one in summaries],
    }
    session.out.result(data, lambda console: show(console, summaries, past=past))


def _policies(files: Sequence[Path], names: Sequence[str]) -> Policies:
    """The policies to try, by the name they are shown under: of several files with the file before it."""
    found: Policies = {}
    for file in files or (None,):
        config = configuration() if file is None else _configuration(file)
        for policy in config.dunning.policies:
            if names and policy.name not in names:
                continue
            label = policy.name if file is None or len(files) == 1 else f"{file}: {policy.name}"
            found.setdefault(label, policy)
    missing = [name for name in names if name not in {policy.name for policy in found.values()}]
    if missing:
        raise CliError(
            f"there is no policy {', '.join(missing)}",
            hint="[[dunning.policies]] of stemtide.toml names them",
        )
    return found


def _configuration(file: Path) -> Config:
    try:
        return load_config(file)
    except ConfigError as error:
        raise CliError(str(error), hint="correct it; docs/configuration.md lists every key") from error


def _payments(count: int, seed: int, assumptions: Path | None, past: Path | None) -> list[Failure]:
    from simulator.dunning import assumptions as assuming
    from simulator.dunning.failures import draw
    from simulator.dunning.past import read_past

    try:
        if past is not None:
            return read_past(past, zone=_company_zone())
        assumed = assuming.shipped() if assumptions is None else assuming.read_assumptions(assumptions)
    except FileError as error:
        raise CliError(str(error), hint=error.remedy) from error
    return list(draw(assumed, count=count, seed=seed))


def _company_zone() -> ZoneInfo:
    from stemtide.mail.quiet_hours import zone_of

    return zone_of((), company=configuration().company.time_zone).zone


def _collected(
    name: str, policy: Policy, payments: Sequence[Failure], progress: Callable[[str], None]
) -> list[Collected]:
    from simulator.dunning.collecting import collect

    found = []
    for number, payment in enumerate(payments):
        if number % STEP == 0:
            progress(f"{name}: {number:,} of {len(payments):,} failed payments")
        found.append(collect(payment, policy))
    return found


command(dunning, "simulate")(simulate)
