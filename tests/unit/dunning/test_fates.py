"""What an outcome of the mail service means for an episode."""

import pytest
from stemtide.delivery.mail_function import fate_of
from stemtide.dunning.ports import Fate, MailFate
from stemtide.mail.outcomes import Deferred, Duplicate, Outcome, Reason, Refused, Sent, Unknown


@pytest.mark.parametrize(
    ("outcome", "fate"),
    [
        (Sent(key="k", message_id="m"), MailFate(fate=Fate.SENT, key="k", provider_id="m")),
        (
            Duplicate(key="k", of="m"),
            MailFate(fate=Fate.SENT, key="k", reason="sent_before", provider_id="m"),
        ),
        (
            Unknown(key="k", reason=Reason.REPLY_LOST),
            MailFate(fate=Fate.UNKNOWN, key="k", reason="reply_lost"),
        ),
        (Refused(key="k", reason=Reason.BUDGET), MailFate(fate=Fate.REFUSED, key="k", reason="budget")),
        (
            Deferred(key="k", reason=Reason.QUIET_HOURS, until_ms=7),
            MailFate(fate=Fate.DEFERRED, key="k", reason="quiet_hours", until_ms=7),
        ),
    ],
)
def test_only_a_deferred_mail_is_asked_for_again(outcome: Outcome, fate: MailFate) -> None:
    assert fate_of(outcome) == fate
