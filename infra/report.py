"""What a synth tells: how big each function is, and how many findings were acknowledged."""

from collections.abc import Iterable
from typing import TextIO

from aws_cdk import App

from infra import nag
from infra.constructs.function import Function

LAMBDA_LIMIT_MB = 250
"""Unzipped, function and layers together (262,144,000 bytes)."""
MB = 1024 * 1024


class TooBigError(ValueError):
    """A function with its layers exceeds what Lambda takes."""


def say(app: App, functions: Iterable[Function], *, stream: TextIO) -> None:
    """Print each function's deployed size against Lambda's limit, and the count of acknowledged findings.

    Raises:
        TooBigError: a function would be refused by Lambda.
    """
    for function in functions:
        size = function.unzipped_bytes / MB
        print(f"size: {function.short_name:<13} {size:6.1f} MB of {LAMBDA_LIMIT_MB} MB unzipped", file=stream)
        if size > LAMBDA_LIMIT_MB:
            raise TooBigError(
                f"{function.short_name} is {size:.1f} MB unzipped: Lambda takes {LAMBDA_LIMIT_MB} MB"
            )
    print(
        f"cdk-nag: {len(nag.acknowledged(app))} findings acknowledged, each on its resource with a reason",
        file=stream,
    )
