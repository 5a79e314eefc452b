"""Entry point of the `stemtide` command line."""

import os
import sys
from importlib import import_module
from typing import Final

import click

from infra.local.proxy import around_proxy
from stemtide_cli.command import command

COMMANDS: Final = {
    "replay": "replay",
    "backfill": "backfill",
    "drain": "drain",
    "usage": "usage",
    "features": "features",
    "catalog": "catalog",
    "history": "history",
    "quarantine": "quarantine",
    "billing": "billing",
    "dunning": "dunning",
    "requeue": "requeue",
    "recompute": "recompute",
    "archive": "archive",
    "simulate": "simulate",
    "detect": "detect",
    "score": "score",
    "sweep": "sweep",
    "train": "train",
    "evaluate": "evaluate",
    "export": "promotion",
    "promote": "promotion",
    "rollback": "promotion",
    "models": "models",
    "mrr": "mrr",
    "compare": "compare",
    "shadow": "shadow",
    "episodes": "episodes",
    "ledger": "ledger",
    "labels": "labels",
    "mail": "mail",
    "contacts": "contacts",
    "status": "status",
    "doctor": "doctor",
}
"""The module of each command, in which it has its own name."""


class Commands(click.Group):
    """Imports a command when it is asked for: what few need (numpy, models) costs the others a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, as a help page lists them."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; None: there is no such."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            found = getattr(import_module(f"stemtide_cli.{COMMANDS[cmd_name]}"), cmd_name)
            if isinstance(found, click.Command):
                self.add_command(found)
            else:
                command(self, cmd_name)(found)
        return super().get_command(ctx, cmd_name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stemtide")
def main() -> None:
    """Stemtide: usage, churn risk and what to do about it, from a company's own event stream.

    Commands talk to the stack that `make up` (local) or `make deploy` (AWS) left behind.
    Exit codes: 0 done, 1 failed or stuck, 2 wrong usage.
    """
    os.environ.update(around_proxy(os.environ))


if __name__ == "__main__":
    sys.exit(main())
