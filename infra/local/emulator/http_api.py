"""What a caller of the HTTP API sees when the function behind it fails.

An HTTP API answers a failed Lambda integration with 500 {"message": "Internal Server Error"} and keeps
the error's text for its access log ("$context.integrationErrorMessage"; developer guide, "Troubleshooting
issues with HTTP API Lambda integrations"): nothing of it reaches the caller.
"""

from __future__ import annotations

import json
from typing import Any

from infra.local.emulator.patching import replace

SHA256 = "36f0ed215e854cb715be3a6e5ffc0a7318caf1f8b7e72e9156e94a73f9edce31"


def install() -> None:
    """Replace the translation of a failed invocation. Raises `EmulatorChanged`."""
    from ministack.services import lambda_svc

    translate = lambda_svc.lambda_execute_result_to_api_proxy_response

    def lambda_execute_result_to_api_proxy_response(exec_result: dict[str, Any]) -> Any:
        if exec_result.get("error") and not exec_result.get("throttle"):
            return _internal_error(), None
        return translate(exec_result)

    replace(
        lambda_svc,
        "lambda_execute_result_to_api_proxy_response",
        lambda_execute_result_to_api_proxy_response,
        source_sha256=SHA256,
    )


def _internal_error() -> dict[str, Any]:
    return {
        "statusCode": 500,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"message": "Internal Server Error"}),
    }
