"""Nothing leaves the machine: the emulator's process may connect to loopback and to unix sockets only."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

LOCAL_NAMES = frozenset({"localhost", "", None})


class LeavesTheMachineError(ConnectionRefusedError):
    """A connection or name lookup beyond loopback was attempted."""


def install() -> None:
    """Refuse, for the life of the process, to connect to or look up anything but loopback.

    An audit hook sees every socket of the process, asyncio's and the C library's wrappers included.
    """
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" or event == "socket.sendto":
        address = arguments[1]
        if isinstance(address, tuple) and not _is_local(address[0]):
            raise LeavesTheMachineError(
                f"connection to {address[0]} refused: the local cloud stays on this machine"
            )
    elif event == "socket.getaddrinfo" and not _is_local(arguments[0]):
        raise LeavesTheMachineError(
            f"lookup of {arguments[0]} refused: the local cloud stays on this machine"
        )


def _is_local(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return str(host).endswith(".localhost")
