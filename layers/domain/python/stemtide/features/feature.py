"""What a feature is: a name, a unit, words and a formula."""

import math
from dataclasses import dataclass
from typing import Literal

from stemtide.features.formulas import Formula
from stemtide.features.sentences import Wording

Source = Literal["usage", "profile", "both"]
Dtype = Literal["float64", "whole", "flag"]
"""All are float64 in a vector; `whole` and `flag` (0 or 1) say which values occur."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature. `windows` are the days it looks at (none: only the profile), `subject` names it inside a
    sentence, `version` rises with every change of its meaning."""

    name: str
    unit: str
    label: str
    subject: str
    meaning: str
    wording: Wording
    formula: Formula
    windows: tuple[int, ...] = ()
    source: Source = "usage"
    dtype: Dtype = "float64"
    version: int = 1

    def sentence(self, value: float | None, baseline: float | None = None) -> str:
        """The value in plain words; `baseline` is the typical value. None and NaN are 'unknown'."""
        if value is None or math.isnan(value):
            return f"{self.subject} is unknown"
        usual = None if baseline is None or math.isnan(baseline) else float(baseline)
        return self.wording(float(value), usual)
