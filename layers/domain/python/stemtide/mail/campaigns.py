"""When a campaign stops by itself: too many of its mails bounce or are reported as spam."""

from fractions import Fraction
from typing import NamedTuple

from stemtide.config_mail import CampaignPause


class Counts(NamedTuple):
    """A campaign's mails of a window, and how many of those bounced for good or were complained about."""

    mails: int = 0
    bounces: int = 0
    complaints: int = 0


class Campaign(NamedTuple):
    """A campaign: why and since when it stands (None: it does not), how often it was resumed, its counts."""

    name: str
    paused: str | None
    paused_ms: int | None
    run: int
    counts: Counts


def why_to_pause(counts: Counts, limits: CampaignPause) -> str | None:
    """The reason to stop a campaign with these counts, None: it may go on."""
    for what, found, least, most_pct in (
        ("bounces", counts.bounces, limits.min_bounces, limits.bounce_pct),
        ("complaints", counts.complaints, limits.min_complaints, limits.complaint_pct),
    ):
        if found >= least and 100 * found >= Fraction(str(most_pct)) * counts.mails:
            return f"{found} {what} of {counts.mails} mails: {most_pct:g} % or more"
    return None
