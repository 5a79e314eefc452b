"""Ids that follow from what they stand for."""

from hashlib import blake2b


def event_id(*parts: str) -> str:
    """24 hex digits that follow from what the event is about: a repeated publication has the same."""
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
