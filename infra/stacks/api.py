"""How events come in over HTTP and how people look at what became of them."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.config import Deployment
from infra.constructs.http_api import HttpApi
from infra.constructs.ingest_endpoint import IngestEndpoint
from infra.constructs.layers import Layers
from infra.constructs.link_keys import LinkKeys
from infra.constructs.mail_preferences import MailPreferences
from infra.constructs.people import People
from infra.constructs.read_api import ReadApi
from infra.constructs.write_keys import WriteKeys
from infra.stacks.billing import BillingStack
from infra.stacks.data import DataStack
from infra.stacks.scoring import ScoringStack


class ApiStack(Stack):
    """People, the keys of producers and of links in mails, and the HTTP API.

    `url` is the API's address as the world knows it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        data: DataStack,
        scoring: ScoringStack,
        billing: BillingStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        people = People(self, "People", deployment=deployment)
        keys = WriteKeys(self, "WriteKeys", deployment=deployment)
        base = {"deployment": deployment, "layers": Layers(self, "Layers", deployment=deployment)}
        ingest = IngestEndpoint(self, "Ingest", **base, events=data.events, write_keys=keys)
        read = ReadApi(self, "Read", **base, tables=data.tables, archive=data.archive)
        self.link_keys = LinkKeys(self, "LinkKeys", deployment=deployment)
        preferences = MailPreferences(self, "Preferences", **base, tables=data.tables, keys=self.link_keys)
        functions = {
            "ingest": ingest.function,
            "api": read.function,
            "preferences": preferences.function,
        }
        routed = {**functions, "score": scoring.score, "webhooks": billing.webhooks}
        http = HttpApi(self, "Http", deployment=deployment, people=people, functions=routed)

        self.api_id = http.api.ref
        self.url = deployment.api_address.replace("{api}", http.api.ref) or http.url
        self.functions = list(functions.values())
        CfnOutput(self, "ApiId", value=http.api.ref)
        CfnOutput(self, "ApiUrl", value=http.url)
        CfnOutput(self, "UserPoolId", value=people.pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=people.client.user_pool_client_id)
        CfnOutput(self, "WriteKeysSecret", value=keys.secret.secret_arn)
        CfnOutput(self, "LinkKeysSecret", value=self.link_keys.secret.secret_arn)
