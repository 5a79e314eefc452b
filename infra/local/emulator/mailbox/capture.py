"""Keeps what SES's SendEmail is given: the emulator forgets headers and tags, and at a restart everything.

SES API v2: "EmailTags: a list of tags, in the form of name/value pairs, to apply to an email that you send
using the SendEmail operation"; Raw messages travel as they are, headers included.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from stemtide.clock import REAL_TIME, ModelClock

from infra.local.emulator.mailbox.letter import row_of
from infra.local.emulator.mailbox.store import Mailbox
from infra.local.emulator.patching import expect, replace

HANDLE_REQUEST = "cab4023919ec58ca72851f3493f7d8f7e64139a8f8ad2a91b71177cdc6e07f3a"
SENT_EMAILS_LIST = "72df70a8c9cc1ff68e9a52e76a8587d7851173a96ec5e744d8fe683f62d01d76"
SEND_EMAIL = "/v2/email/outbound-emails"


def install(mailbox: Mailbox, clock_file: Path) -> None:
    """Put what SES takes into the mailbox, too. Raises `EmulatorChanged`."""
    from ministack.services import ses, ses_v2

    expect(ses, "_sent_emails_list", source_sha256=SENT_EMAILS_LIST)
    handle = ses_v2.handle_request

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        answer = await handle(method, path, headers, body, query_params)
        if method == "POST" and path.rstrip("/") == SEND_EMAIL and answer[0] == 200:
            message_id = json.loads(answer[2])["MessageId"]
            shown = next((one for one in ses._sent_emails_list() if one["MessageId"] == message_id), {})
            mailbox.add(
                row_of(
                    message_id,
                    json.loads(body),
                    real_ms=time.time_ns() // 1_000_000,
                    clock=_clock(clock_file),
                    shown=shown,
                )
            )
        return answer

    replace(ses_v2, "handle_request", handle_request, source_sha256=HANDLE_REQUEST)


def _clock(file: Path) -> ModelClock:
    """The local cloud's model clock, as `make up` has written it."""
    return ModelClock.parse(file.read_text().strip()) if file.exists() else REAL_TIME
