"""The HTTP API: every route of `stemtide.access`, and no other."""

import json
from collections.abc import Mapping

from aws_cdk import Aws
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct
from stemtide.access import ROUTES, Route

from infra import nag
from infra.config import Deployment
from infra.constructs.function import Function
from infra.constructs.people import People
from infra.constructs.short_lived_log import short_lived_log

OPEN = {
    "public": "meant for everybody: holds no data, or a signed link is the right to it",
    "write_key": "producers show a write key, which the function checks",
    "signed": "the sender signs the body, which the function checks",
}
ACCESS_LOG = {
    "at": "$context.requestTime",
    "request_id": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "ms": "$context.responseLatency",
    "person": "$context.authorizer.claims.sub",
    "refused": "$context.authorizer.error",
    "error": "$context.integrationErrorMessage",
}


class HttpApi(Construct):
    """Routes to functions; role routes stand behind the user pool's tokens; throttled; calls are logged."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        people: People,
        functions: Mapping[str, Function],
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = gateway.CfnApi(
            self, "Api", name=deployment.name, protocol_type="HTTP", description="Stemtide's HTTP API"
        )
        self._authorizer = gateway.CfnAuthorizer(
            self,
            "Tokens",
            api_id=self.api.ref,
            name="user-pool",
            authorizer_type="JWT",
            identity_source=["$request.header.Authorization"],
            jwt_configuration=gateway.CfnAuthorizer.JWTConfigurationProperty(
                issuer=f"https://cognito-idp.{Aws.REGION}.amazonaws.com/{people.pool.user_pool_id}",
                audience=[people.client.user_pool_client_id],
            ),
        )
        self._integrations = {
            name: self._integration(name, functions[name]) for name in sorted({r.function for r in ROUTES})
        }
        for route in ROUTES:
            self._route(route)
        self._stage(deployment)
        self.url = f"https://{self.api.ref}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}"

    def _integration(self, name: str, function: Function) -> gateway.CfnIntegration:
        # Here, not in the function's own stack, which must not depend on this one.
        lambda_.CfnPermission(
            self,
            f"May{name.title()}",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="apigateway.amazonaws.com",
            source_arn=f"arn:{Aws.PARTITION}:execute-api:{Aws.REGION}:{Aws.ACCOUNT_ID}:{self.api.ref}/*/*",
        )
        return gateway.CfnIntegration(
            self,
            f"To{name.title()}",
            api_id=self.api.ref,
            integration_type="AWS_PROXY",
            integration_uri=function.function_arn,
            payload_format_version="2.0",
        )

    def _route(self, route: Route) -> None:
        resource = gateway.CfnRoute(
            self,
            route.operation[0].upper() + route.operation[1:],
            api_id=self.api.ref,
            route_key=route.key,
            operation_name=route.operation,
            target=f"integrations/{self._integrations[route.function].ref}",
            authorization_type="JWT" if route.needs_token else "NONE",
            authorizer_id=self._authorizer.ref if route.needs_token else None,
        )
        if isinstance(route.access, str):
            nag.acknowledge(resource, "AwsSolutions-APIG4", reason=OPEN[route.access])

    def _stage(self, deployment: Deployment) -> None:
        # Under this prefix the gateway's permission to write does not count against a size limit.
        name = f"/aws/vendedlogs/{deployment.name}/http-api"
        log = short_lived_log(self, "Calls", deployment=deployment, name=name)
        stage = gateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.ref,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=gateway.CfnStage.AccessLogSettingsProperty(
                # The group's own ARN attribute ends in `:*`, which the gateway refuses.
                destination_arn=f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{name}",
                format=json.dumps(ACCESS_LOG),
            ),
            default_route_settings=gateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=deployment.requests_per_second,
                throttling_burst_limit=deployment.request_burst,
            ),
        )
        stage.node.add_dependency(log)
