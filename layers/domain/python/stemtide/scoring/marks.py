"""What a run says of each of its scores: that a check of the quality gate was not met."""

from collections.abc import Sequence

import msgspec

from stemtide.scoring.assessment import Assessment, Basis
from stemtide.scoring.confidence import confidence


def marked(assessment: Assessment, marks: Sequence[str]) -> Assessment:
    """The assessment with the marks among what lowers its confidence: one grade however many they are.

    Where nothing is said of the account there is nothing to mark. Rules' confidence is low already.
    """
    if not marks or assessment.basis is Basis.NOT_ENOUGH_DATA:
        return assessment
    reasons = (*assessment.confidence_lowered_by, *marks)
    grade = assessment.confidence
    if assessment.interval is not None:
        grade = confidence(assessment.interval, lowered_by=reasons)
    return msgspec.structs.replace(assessment, confidence=grade, confidence_lowered_by=reasons)
