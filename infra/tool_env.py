"""Environment of every tool we start: none phones home, none warns about what we have settled."""

from typing import Final

SILENT: Final = {
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "CDK_DISABLE_VERSION_CHECK": "true",  # would ask the package registry for a newer command line
    "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20,21,23",  # Node 20 is supported here
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "true",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "true",
    "PYTHONDONTWRITEBYTECODE": "1",  # no compiled caches in what is bundled
}
"""`cdk.json` turns off the rest: versionReporting and notices."""
