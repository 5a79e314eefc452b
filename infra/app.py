"""The CDK application: `cdk` runs this as `python -m infra.app`."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from infra.tool_env import SILENT

os.environ.update(SILENT)  # before aws_cdk starts Node

from aws_cdk import App, Tags
from stemtide.config import load_config
from stemtide.config_errors import ConfigError

from infra import config, nag, report
from infra.bundling import CONFIGURATION, BundlingError
from infra.stacks.api import ApiStack
from infra.stacks.billing import BillingStack
from infra.stacks.data import DataStack
from infra.stacks.dunning import DunningStack
from infra.stacks.operations import OperationsStack
from infra.stacks.outreach import OutreachStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.plays import PlaysStack
from infra.stacks.scoring import ScoringStack


def build(*, context: Mapping[str, Any] | None = None, outdir: str | None = None) -> App:
    """The whole application, ready to synth.

    Args:
        context: CDK context beside what the CDK command line hands over (`target=local`, settings).

    Raises:
        SettingError: a deployment setting is wrong, or does not go with stemtide.toml.
        ConfigError: stemtide.toml is wrong; the message has the line and the reason.
    """
    company = load_config(CONFIGURATION)
    app = App(analytics_reporting=False, context=context, outdir=outdir)
    names = ["target", *config.Deployment.__dataclass_fields__, "deployment"]
    given = {name: value for name in names if (value := app.node.try_get_context(name)) is not None}
    deployment = config.load(given)
    config.check_retention(deployment, company.ingest)
    name = deployment.name
    data = DataStack(
        app,
        f"{name}-data",
        deployment=deployment,
        company=company,
        description="Stemtide: stream, archive, tables",
    )
    pipeline = PipelineStack(
        app, f"{name}-pipeline", deployment=deployment, data=data, description="Stemtide: consumers"
    )
    scoring = ScoringStack(
        app,
        f"{name}-scoring",
        deployment=deployment,
        data=data,
        pipeline=pipeline,
        description="Stemtide: drops, scores, nightly run",
    )
    billing = BillingStack(
        app,
        f"{name}-billing",
        deployment=deployment,
        company=company,
        data=data,
        pipeline=pipeline,
        description="Stemtide: payment provider",
    )
    api = ApiStack(
        app,
        f"{name}-api",
        deployment=deployment,
        data=data,
        scoring=scoring,
        billing=billing,
        description="Stemtide: HTTP API, people",
    )
    outreach = OutreachStack(
        app,
        f"{name}-outreach",
        deployment=deployment,
        company=company,
        data=data,
        pipeline=pipeline,
        api=api,
        description="Stemtide: mails to customers",
    )
    dunning = DunningStack(
        app,
        f"{name}-dunning",
        deployment=deployment,
        data=data,
        pipeline=pipeline,
        billing=billing,
        outreach=outreach,
        description="Stemtide: unpaid invoices",
    )
    plays = PlaysStack(
        app,
        f"{name}-plays",
        deployment=deployment,
        data=data,
        pipeline=pipeline,
        billing=billing,
        outreach=outreach,
        description="Stemtide: win-back, accounts at risk",
    )
    OperationsStack(
        app,
        f"{name}-operations",
        deployment=deployment,
        data=data,
        pipeline=pipeline,
        scoring=scoring,
        billing=billing,
        api=api,
        outreach=outreach,
        dunning=dunning,
        plays=plays,
        description="Stemtide: alarms, dashboard",
    )
    Tags.of(app).add("application", name)
    nag.check(app)
    functions = [
        *pipeline.functions,
        *scoring.functions,
        *billing.functions,
        *api.functions,
        *outreach.functions,
        *dunning.functions,
        *plays.functions,
    ]
    report.say(app, functions, stream=sys.stderr)
    return app


if __name__ == "__main__":
    try:
        build().synth()
    except (config.SettingError, ConfigError, BundlingError, report.TooBigError) as error:
        raise SystemExit(f"synth: {error}") from None
