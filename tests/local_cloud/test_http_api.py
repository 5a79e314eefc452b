"""The HTTP API as the product uses it: routes, JWT authorizer, payload format 2.0, refusals."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local_cloud.consumers import ROLE, zipped
from tests.local_cloud.emulator_process import Emulator

ECHO = """
import base64, json

def handler(event, context):
    if event["rawPath"] == "/broken":
        raise ValueError("no")
    if event["rawPath"] == "/bytes":
        body = base64.b64encode(bytes([0, 255])).decode()
        return {"statusCode": 201, "isBase64Encoded": True, "body": body}
    return {"statusCode": 200, "body": json.dumps(event), "headers": {"content-type": "application/json"}}
"""
PASSWORD = "Correct-horse-9"


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Api:
    """An HTTP API with a public and a protected route to an echoing function."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.pool, self.client_id = self._people()
        self.api_id = self._routes(self._function())
        self.token = self.sign_in("ann@example.com", group="csm")

    def call(
        self, path: str, *, method: str = "GET", token: str = "", body: bytes | None = None, **headers: str
    ) -> Answer:
        """One request; headers' underscores become hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["authorization"] = f"Bearer {token}"
        url = f"{self._emulator.url}/_aws/execute-api/{self.api_id}/$default{path}"
        request = urllib.request.Request(url, data=body, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def sign_in(self, name: str, *, group: str, client_id: str = "") -> str:
        """A person's ID token."""
        cognito = self._emulator.client("cognito-idp")
        cognito.admin_create_user(UserPoolId=self.pool, Username=name, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(
            UserPoolId=self.pool, Username=name, Password=PASSWORD, Permanent=True
        )
        cognito.admin_add_user_to_group(UserPoolId=self.pool, Username=name, GroupName=group)
        tokens = cognito.admin_initiate_auth(
            UserPoolId=self.pool,
            ClientId=client_id or self.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        return str(tokens["AuthenticationResult"]["IdToken"])

    def other_client(self) -> str:
        """Another application of the same user pool."""
        return self._client("other")

    def _people(self) -> tuple[str, str]:
        cognito = self._emulator.client("cognito-idp")
        self.pool = cognito.create_user_pool(PoolName="api-people")["UserPool"]["Id"]
        cognito.create_group(UserPoolId=self.pool, GroupName="csm")
        return self.pool, self._client("api")

    def _client(self, name: str) -> str:
        created = self._emulator.client("cognito-idp").create_user_pool_client(
            UserPoolId=self.pool, ClientName=name, ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        )
        return str(created["UserPoolClient"]["ClientId"])

    def _function(self) -> str:
        created = self._emulator.client("lambda").create_function(
            FunctionName="http-echo",
            Runtime="python3.13",
            Role=ROLE,
            Handler="handler.handler",
            Code={"ZipFile": zipped({"handler.py": ECHO})},
        )
        return str(created["FunctionArn"])

    def _routes(self, function: str) -> str:
        gateway = self._emulator.client("apigatewayv2")
        api = gateway.create_api(Name="contract", ProtocolType="HTTP")["ApiId"]
        integration = gateway.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
        )["IntegrationId"]
        authorizer = gateway.create_authorizer(
            ApiId=api,
            Name="tokens",
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={
                "Issuer": f"https://cognito-idp.us-east-1.amazonaws.com/{self.pool}",
                "Audience": [self.client_id],
            },
        )["AuthorizerId"]
        target = f"integrations/{integration}"
        for key in ("GET /broken", "GET /bytes", "POST /v1/events", "GET /open/{name}"):
            gateway.create_route(ApiId=api, RouteKey=key, Target=target)
        gateway.create_route(
            ApiId=api,
            RouteKey="GET /v1/accounts/{account}/usage",
            Target=target,
            AuthorizationType="JWT",
            AuthorizerId=authorizer,
        )
        gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        return str(api)


@pytest.fixture(scope="module")
def api(emulator: Emulator) -> Api:
    return Api(emulator)


USAGE = "/v1/accounts/acct%3A1@x/usage"


def test_a_function_gets_the_payload_format_2_0(api: Api) -> None:
    """ "Duplicate query strings are combined with commas and included in the queryStringParameters field";
    lower-case headers, "requestContext.http", and no "body" without one."""
    event = api.call("/open/a?b=1&b=2&c=%C3%A4", X_Request="Yes").json

    assert event["version"] == "2.0"
    assert (event["routeKey"], event["rawPath"]) == ("GET /open/{name}", "/open/a")
    assert event["rawQueryString"] == "b=1&b=2&c=%C3%A4"
    assert event["queryStringParameters"] == {"b": "1,2", "c": "ä"}
    assert event["headers"]["x-request"] == "Yes"
    assert event["requestContext"]["http"] | {"userAgent": ""} == {
        "method": "GET",
        "path": "/open/a",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "",
    }
    assert event["requestContext"]["stage"] == "$default"
    assert (event["isBase64Encoded"], "body" in event) == (False, False)


def test_path_parameters_are_decoded(api: Api) -> None:
    """ "pathParameters" hold decoded values: an account id may contain any character but a slash."""
    event = api.call(USAGE, token=api.token).json

    assert event["pathParameters"] == {"account": "acct:1@x"}
    assert event["rawPath"] == "/v1/accounts/acct:1@x/usage"


def test_json_arrives_as_text_and_everything_else_as_base64(api: Api) -> None:
    """ "isBase64Encoded": binary media types are passed base64 encoded."""
    text = api.call(
        "/v1/events", method="POST", body='{"a":"ä"}'.encode(), content_type="application/json"
    ).json
    binary = api.call("/v1/events", method="POST", body=b"\x1f\x8b\x00", content_type="application/gzip").json

    assert (text["body"], text["isBase64Encoded"]) == ('{"a":"ä"}', False)
    assert (base64.b64decode(binary["body"]), binary["isBase64Encoded"]) == (b"\x1f\x8b\x00", True)


def test_a_base64_answer_is_sent_as_bytes(api: Api) -> None:
    """ "isBase64Encoded: true": API Gateway decodes the body that the function returns."""
    answer = api.call("/bytes")

    assert (answer.status, answer.body) == (201, b"\x00\xff")


def test_claims_reach_the_function_as_text(api: Api) -> None:
    """ "API Gateway passes the claims in the token to the API route's Lambda integration":
    $event.requestContext.authorizer.jwt.claims; lists come as "[a b]"."""
    claims = api.call(USAGE, token=api.token).json["requestContext"]["authorizer"]["jwt"]["claims"]

    assert claims["cognito:groups"] == "[csm]"
    assert claims["token_use"] == "id"
    assert claims["aud"] == api.client_id
    assert all(isinstance(value, str) for value in claims.values())


def test_a_request_without_a_valid_token_is_refused_with_401(api: Api) -> None:
    """ "If any of these validation steps fail, API Gateway denies the API request": signature, issuer,
    audience and expiry are checked; the answer is 401 {"message":"Unauthorized"}."""
    other = api.sign_in("bob@example.com", group="csm", client_id=api.other_client())
    refused = {
        "none": "",
        "no token": "abc",
        "changed claims": altered(api.token, {"cognito:groups": ["admin"]}),
        "expired": altered(api.token, {"exp": 1}),
        "unsigned": unsigned(api.token),
        "another application's": other,
    }

    answers = {name: api.call(USAGE, token=token) for name, token in refused.items()}

    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(refused, 401)
    assert all(answer.json == {"message": "Unauthorized"} for answer in answers.values())


def altered(token: str, claims: dict[str, Any]) -> str:
    """The token with other claims under the old signature."""
    head, body, signature = token.split(".")
    return ".".join((head, encoded({**decoded(body), **claims}), signature))


def unsigned(token: str) -> str:
    """The token as "alg": "none"."""
    head, body, _ = token.split(".")
    return ".".join((encoded({**decoded(head), "alg": "none"}), body, ""))


def decoded(part: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return content


def encoded(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_an_unknown_path_or_method_is_answered_with_404(api: Api) -> None:
    """No route matches: 404 {"message":"Not Found"}; an HTTP API has no 405."""
    path, method = api.call("/nowhere"), api.call("/v1/events", method="DELETE")

    assert (path.status, path.json) == (404, {"message": "Not Found"})
    assert (method.status, method.json) == (404, {"message": "Not Found"})


def test_a_failing_function_is_answered_with_500(api: Api) -> None:
    """ "Internal Server Error": a Lambda error behind an HTTP API is a 500 with that message."""
    answer = api.call("/broken")

    assert (answer.status, answer.json) == (500, {"message": "Internal Server Error"})
