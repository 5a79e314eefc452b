"""A proxy set in the environment is for the internet, not for the local cloud."""

from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "localhost")


def around_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables (both spellings are in use) that keep loopback out of a proxy's way."""
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [host.strip() for host in given.split(",") if host.strip()]
    if "*" not in hosts:
        hosts += [host for host in LOOPBACK if host not in hosts]
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(hosts))
