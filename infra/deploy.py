"""Drive the pinned CDK command line: `python -m infra.deploy synth | bootstrap | deploy`.

The local cloud's `make up` uses `bootstrap` and `deploy_stacks` with its own environment.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.account import AccountError, describe_stack, find_account
from infra.assembly import discard, is_current, made_from, remember
from infra.cdk_command import ROOT, DeployError, Say, run

ASSEMBLY: Final = ROOT / "cdk.out"
AWS_BUILD: Final = ROOT / "build" / "aws"
NO_METADATA: Final = {"AWS_EC2_METADATA_DISABLED": "true"}
"""Without it a synth outside AWS waits for an instance's credentials that it does not need."""


def synth(
    *,
    assembly: Path = ASSEMBLY,
    context: Mapping[str, str] | None = None,
    log: Path | None = None,
    say: Say | None = None,
    lint: bool = True,
) -> None:
    """Write the CloudFormation templates; needs no AWS credentials and asks AWS nothing.

    Args:
        lint: let CDK check the templates against CloudFormation's schemas too (as long as the rest).

    Raises:
        DeployError: a setting, stemtide.toml or cdk-nag objects; the reason was printed or is in `log`.
    """
    pairs = [word for name, value in (context or {}).items() for word in ("--context", f"{name}={value}")]
    stamp = made_from(context or {})
    discard(assembly)
    without_aws = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    run(
        ["synth", "--quiet", "--output", str(assembly), *pairs],
        env={**without_aws, **NO_METADATA, "CDK_VALIDATION": str(lint).lower()},
        log=log,
        say=say,
    )
    remember(assembly, stamp)


def bootstrap(env: Mapping[str, str], *, log: Path | None = None) -> None:
    """Prepare the account and region of `env` for CDK deployments (once; safe to repeat)."""
    where = f"aws://{env['CDK_DEFAULT_ACCOUNT']}/{env['CDK_DEFAULT_REGION']}"
    run(["bootstrap", where, "--app", ""], env={**os.environ, **env}, log=log, say=None)


def deploy_stacks(
    env: Mapping[str, str],
    *,
    target: str,
    outputs_file: Path,
    assembly: Path = ASSEMBLY,
    context: Mapping[str, str] | None = None,
    say: Say | None = None,
    arguments: Sequence[str] = ("--require-approval", "never", "--method", "direct"),
) -> None:
    """Deploy every stack that has changed.

    Args:
        env: added to this process's environment: account, region, credentials, endpoint.
        target: "aws" or "local" (the settings in `infra.config.LOCAL`).
        outputs_file: gets the outputs of all stacks; with `say`, two logs are written beside it.
        assembly: the templates; made anew only if something they are made from has changed.
        say: gets a line per stack; without it the command line has the terminal (and may ask).

    Raises:
        DeployError: the deployment failed.
    """
    context = {"target": target, **(context or {})}
    outputs_file.parent.mkdir(parents=True, exist_ok=True)
    folder = outputs_file.parent if say else None
    if not is_current(assembly, made_from(context)):
        synth(
            assembly=assembly,
            context=context,
            log=folder and folder / "synth.log",
            say=say,
            lint=target == "aws",
        )
    where = ["--app", str(assembly), "--outputs-file", str(outputs_file)]
    run(
        ["deploy", "--all", *where, "--concurrency", "2", *arguments],
        env={**os.environ, **env},
        log=folder and folder / "deploy.log",
        say=say,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    parser.add_argument("command", choices=("synth", "bootstrap", "deploy"))
    parser.add_argument("--output", type=Path, default=ASSEMBLY, help="where the templates go")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="a setting for this run"
    )
    parser.add_argument(
        "--require-approval", default="broadening", choices=("never", "any-change", "broadening"),
        help="when to ask before changing (default: when permissions widen)",
    )  # fmt: skip
    chosen = parser.parse_args()
    context = {"target": "aws", **dict(pair.partition("=")[::2] for pair in chosen.context)}
    try:
        if chosen.command == "synth":
            synth(assembly=chosen.output, context=context)
            print(f"synth: templates are in {os.path.relpath(chosen.output)}", file=sys.stderr)
            return 0
        account = find_account(needs_bootstrap=chosen.command == "deploy")
        print(f"{chosen.command}: account {account.id}, region {account.region}", file=sys.stderr)
        if chosen.command == "bootstrap":
            bootstrap(account.env())
            return 0
        outputs = AWS_BUILD / "outputs.json"
        approval = ("--require-approval", chosen.require_approval)
        deploy_stacks(
            account.env(),
            target="aws",
            outputs_file=outputs,
            assembly=chosen.output,
            context=context,
            arguments=approval,
        )
        written = describe_stack(outputs, account, AWS_BUILD / "stack.json")
        print(f"deploy: done; names are in {os.path.relpath(written)}", file=sys.stderr)
    except (DeployError, AccountError) as error:
        print(f"{chosen.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
