"""Cloud assemblies as the tests read them, and synths inside the test's own process."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import app

ROOT = Path(__file__).resolve().parents[2]
PATHS_AS_THE_COMMAND_LINE_DOES = {
    "aws:cdk:enable-path-metadata": True,
    "aws:cdk:enable-asset-metadata": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Synth:
    """What `python -m infra.deploy synth` wrote and said."""

    folder: Path
    said: str
    stacks: dict[str, dict[str, Any]]

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Resources of a CloudFormation type over all stacks, by logical id."""
        return {
            name: resource
            for template in self.stacks.values()
            for name, resource in template["Resources"].items()
            if resource["Type"] == kind
        }

    def properties(self, kind: str) -> list[dict[str, Any]]:
        """The properties of every resource of a type."""
        return [resource.get("Properties", {}) for resource in self.all(kind).values()]

    def function(self, name: str) -> tuple[str, dict[str, Any]]:
        """Logical id and properties of the function in functions/<name>/."""
        wanted = f"stemtide-{name.replace('_', '-')}"
        return next(
            (logical, resource["Properties"])
            for logical, resource in self.all("AWS::Lambda::Function").items()
            if resource["Properties"]["FunctionName"] == wanted
        )


def read_stacks(folder: Path) -> dict[str, dict[str, Any]]:
    """The templates of a cloud assembly by stack name."""
    return {
        p.name.removesuffix(".template.json"): json.loads(p.read_text())
        for p in folder.glob("*.template.json")
    }


def context(**changes: Any) -> dict[str, Any]:
    """The context of cdk.json with changes."""
    stored: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return stored | PATHS_AS_THE_COMMAND_LINE_DOES | changes


def synth_to(folder: Path, **changes: Any) -> Path:
    """Templates for the changed context, in `folder`."""
    app.build(context=context(**changes), outdir=str(folder)).synth()
    return folder
