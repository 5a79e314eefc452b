"""The HTTP API has the routes of `stemtide.access`, each behind the right door."""

import json
from typing import Any

import pytest
from stemtide.access import ROUTES, Role, Route

from tests.infra.assemblies import Synth


def test_the_api_has_the_routes_of_the_table_and_no_other(synth: Synth) -> None:
    keys = [route["RouteKey"] for route in synth.properties("AWS::ApiGatewayV2::Route")]

    assert sorted(keys) == sorted(route.key for route in ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_route_stands_behind_the_tokens_exactly_if_roles_may_call_it(synth: Synth, route: Route) -> None:
    [found] = [p for p in synth.properties("AWS::ApiGatewayV2::Route") if p["RouteKey"] == route.key]

    [authorizer] = synth.all("AWS::ApiGatewayV2::Authorizer")
    assert found["AuthorizationType"] == ("JWT" if route.needs_token else "NONE")
    assert found.get("AuthorizerId") == ({"Ref": authorizer} if route.needs_token else None)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_route_leads_to_the_function_of_the_table(synth: Synth, route: Route) -> None:
    [found] = [p for p in synth.properties("AWS::ApiGatewayV2::Route") if p["RouteKey"] == route.key]

    target = found["Target"]["Fn::Join"][1][1]["Ref"]
    integration = synth.all("AWS::ApiGatewayV2::Integration")[target]["Properties"]
    assert synth.function(route.function)[0] in json.dumps(integration["IntegrationUri"])  # or its export
    [may] = [
        p
        for p in synth.properties("AWS::Lambda::Permission")
        if p["FunctionName"] == integration["IntegrationUri"] and p["Principal"] == "apigateway.amazonaws.com"
    ]
    assert "execute-api" in json.dumps(may["SourceArn"])
    assert integration["PayloadFormatVersion"] == "2.0"


def test_tokens_are_those_of_the_pool_for_its_one_client(synth: Synth) -> None:
    [authorizer] = synth.properties("AWS::ApiGatewayV2::Authorizer")

    [pool] = synth.all("AWS::Cognito::UserPool")
    [client] = synth.all("AWS::Cognito::UserPoolClient")
    assert authorizer["AuthorizerType"] == "JWT"
    assert authorizer["JwtConfiguration"]["Audience"] == [{"Ref": client}]
    assert {"Ref": pool} in authorizer["JwtConfiguration"]["Issuer"]["Fn::Join"][1]


def test_the_stage_throttles_and_logs_calls_without_tokens_or_bodies(synth: Synth) -> None:
    [stage] = synth.properties("AWS::ApiGatewayV2::Stage")

    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] > 0
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"route", "status", "request_id"} <= logged.keys()
    assert not [
        value for value in logged.values() if "authorization" in value.lower() or "body" in value.lower()
    ]


def test_there_is_a_group_for_every_role_admin_first(synth: Synth) -> None:
    groups = synth.properties("AWS::Cognito::UserPoolGroup")

    by_rank = sorted(groups, key=lambda group: group["Precedence"])
    assert [group["GroupName"] for group in by_rank] == [Role.ADMIN, Role.CSM, Role.VIEWER]


def test_people_are_invited_only_and_tokens_last_an_hour(synth: Synth) -> None:
    [pool] = synth.properties("AWS::Cognito::UserPool")
    [client] = synth.properties("AWS::Cognito::UserPoolClient")

    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert pool["DeletionProtection"] == "ACTIVE"
    assert client["IdTokenValidity"] == 60
    assert client["TokenValidityUnits"]["IdToken"] == "minutes"
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def secret(synth: Synth, beginning: str) -> dict[str, Any]:
    """A secret by the beginning of its logical name."""
    [found] = [
        one["Properties"]
        for name, one in synth.all("AWS::SecretsManager::Secret").items()
        if name.startswith(beginning)
    ]
    return dict(found)


def test_the_write_key_is_generated_and_can_be_a_basic_user(synth: Synth) -> None:
    made = secret(synth, "WriteKeys")["GenerateSecretString"]

    assert made["GenerateStringKey"] == "current"
    assert json.loads(made["SecretStringTemplate"]) == {}
    assert ":" in made["ExcludeCharacters"]
    assert made["PasswordLength"] >= 32


def test_the_key_of_the_links_in_mails_is_generated_and_outlives_its_stack(synth: Synth) -> None:
    made = secret(synth, "LinkKeys")["GenerateSecretString"]

    assert made["GenerateStringKey"] == "current"
    assert made["PasswordLength"] >= 64
    [kept] = [
        one for name, one in synth.all("AWS::SecretsManager::Secret").items() if name.startswith("LinkKeys")
    ]
    assert kept["DeletionPolicy"] == "RetainExceptOnCreate"
