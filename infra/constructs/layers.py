"""The layers that functions stand on."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import bundling
from infra.config import Deployment

ARCHITECTURES = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}


def runtime_of(deployment: Deployment) -> lambda_.Runtime:
    """The Lambda runtime of the configured Python version."""
    return lambda_.Runtime(f"python{deployment.python_version}", lambda_.RuntimeFamily.PYTHON)


class LayerSet(Construct):
    """Layers of these folders, in this order, and what they hold in all."""

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, folders: Mapping[str, Path]
    ) -> None:
        super().__init__(scope, construct_id)
        self.versions = [self._layer(name, folder, deployment) for name, folder in folders.items()]
        self.unzipped_bytes = sum(map(bundling.unzipped_bytes, folders.values()))

    def _layer(self, name: str, folder: Path, deployment: Deployment) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            name,
            code=lambda_.Code.from_asset(str(folder)),
            compatible_runtimes=[runtime_of(deployment)],
            compatible_architectures=[ARCHITECTURES[deployment.architecture]],
            description=f"Stemtide: {name.lower()}",
        )


class Layers(LayerSet):
    """`domain` (the package and stemtide.toml), `runtime` (locked third-party packages), and for those that
    score `inference` (NumPy, onnxruntime).

    Each stack has its own: an exported layer version could not be replaced while another stack imports it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, inference: bool = False
    ) -> None:
        folders = {"Domain": bundling.domain_layer(), "Runtime": bundling.runtime_layer(deployment)}
        if inference:
            folders["Inference"] = bundling.inference_layer(deployment)
        super().__init__(scope, construct_id, deployment=deployment, folders=folders)


class HistoryLayer(LayerSet):
    """`history` (DuckDB), for the one function that writes Parquet."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        folders = {"History": bundling.history_layer(deployment)}
        super().__init__(scope, construct_id, deployment=deployment, folders=folders)


class OutreachLayer(LayerSet):
    """`outreach` (stripe, jinja2, babel), for the functions of billing and mail."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        folders = {"Outreach": bundling.outreach_layer(deployment)}
        super().__init__(scope, construct_id, deployment=deployment, folders=folders)
