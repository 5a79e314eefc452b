"""The stream's second consumer: every record as it came, into the archive."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from stemtide.archive import ArchivePorts, archive
from stemtide.settings import ArchiveSettings
from stemtide.store.assembly import archive_ports
from stemtide.store.pace import lambda_pace


@lru_cache(maxsize=1)
def ports() -> ArchivePorts:
    """What the archive touches, made once per process."""
    return archive_ports(ArchiveSettings.from_env())


def handler(event: dict[str, Any], context: Any) -> None:
    """Archive and count a batch of records; an error brings the whole batch again."""
    pace = lambda_pace(context.get_remaining_time_in_millis)
    archive(event, ports=replace(ports(), pace=pace))
