"""When silence is looked for."""

from datetime import timedelta
from typing import Final

JOB: Final = "detect"
EVERY: Final = timedelta(hours=1)
AT_MOST: Final = 48
"""Missed hours that are caught up, each as of its own instant; the nightly run scores everybody anyway."""
