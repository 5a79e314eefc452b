"""Entry point of the `stemtide` command line."""

import os
import sys

import click

from infra.local.proxy import around_proxy
from stemtide_cli.archive import archive
from stemtide_cli.backfill import backfill
from stemtide_cli.catalog import catalog
from stemtide_cli.command import command
from stemtide_cli.compare import compare
from stemtide_cli.detect import detect
from stemtide_cli.doctor import doctor
from stemtide_cli.drain import drain
from stemtide_cli.evaluate import evaluate
from stemtide_cli.features import features
from stemtide_cli.history import history
from stemtide_cli.models import models
from stemtide_cli.promotion import export, promote, rollback
from stemtide_cli.quarantine import quarantine
from stemtide_cli.recompute import recompute
from stemtide_cli.replay import replay
from stemtide_cli.requeue import requeue
from stemtide_cli.score import score
from stemtide_cli.shadow import shadow
from stemtide_cli.simulate import simulate
from stemtide_cli.status import status
from stemtide_cli.sweep import sweep
from stemtide_cli.train import train
from stemtide_cli.usage import usage


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stemtide")
def main() -> None:
    """Stemtide: usage, churn risk and what to do about it, from a company's own event stream.

    Commands talk to the stack that `make up` (local) or `make deploy` (AWS) left behind.
    Exit codes: 0 done, 1 failed or stuck, 2 wrong usage.
    """
    os.environ.update(around_proxy(os.environ))


command(main, "replay")(replay)
command(main, "backfill")(backfill)
command(main, "drain")(drain)
command(main, "usage")(usage)
command(main, "features")(features)
command(main, "catalog")(catalog)
command(main, "history")(history)
main.add_command(quarantine)
command(main, "requeue")(requeue)
command(main, "recompute")(recompute)
main.add_command(archive)
command(main, "simulate")(simulate)
command(main, "detect")(detect)
command(main, "score")(score)
command(main, "sweep")(sweep)
command(main, "train")(train)
command(main, "evaluate")(evaluate)
command(main, "export")(export)
command(main, "promote")(promote)
command(main, "rollback")(rollback)
command(main, "models")(models)
command(main, "compare")(compare)
main.add_command(shadow)
command(main, "status")(status)
command(main, "doctor")(doctor)

if __name__ == "__main__":
    sys.exit(main())
