"""What helps an account at risk: the guide for the driver of its score that speaks most for leaving."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from stemtide.config_retention import Guide
from stemtide.scoring.assessment import Driver


def guide_for(drivers: Sequence[Driver], guides: Sequence[Guide]) -> tuple[Driver, Guide] | None:
    """The first guide that fits the strongest driver towards leaving, then the next one; None: none fits any.

    A driver that speaks against leaving needs no help.
    """
    towards = sorted(
        (one for one in drivers if one.contribution > 0), key=lambda one: (-one.contribution, one.feature)
    )
    for driver in towards:
        for guide in guides:
            if any(fnmatchcase(driver.feature, pattern) for pattern in guide.drivers):
                return driver, guide
    return None
