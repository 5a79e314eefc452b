"""What became of the customers that a period began with: logo and revenue churn, gross and net retention."""

from collections.abc import Sequence
from dataclasses import dataclass

from stemtide.billing.mrr import Level


@dataclass(slots=True, kw_only=True)
class Retention:
    """The customers of a currency that a period began with, without those who went over to another one; money
    in minor units.

    `lowest` is what each paid at its lowest, so what left is not made good by what came back. `gone` are
    those who churned, even if they are back, and `gone_mrr` is what they had paid.
    """

    customers: int = 0
    mrr: int = 0
    gone: int = 0
    gone_mrr: int = 0
    lowest: int = 0
    closing: int = 0

    def count(self, opening: Level, later: Sequence[Level]) -> None:
        """Count a customer.

        Args:
            opening: its level when the period begins.
            later: its levels in the period.
        """
        left = next((one for one in later if not (one.subscribed and one.currency == opening.currency)), None)
        if left is not None and left.subscribed:
            return
        closing = later[-1] if later else opening
        self.customers += 1
        self.mrr += opening.mrr
        self.lowest += min(one.mrr for one in (opening, *later))
        self.closing += closing.mrr if closing.currency == opening.currency else 0
        if left is not None:
            self.gone += 1
            self.gone_mrr += opening.mrr

    @property
    def logo_churn(self) -> float | None:
        """The part of the customers that churned; None: there were none."""
        return _ratio(self.gone, self.customers)

    @property
    def revenue_churn(self) -> float | None:
        """The part of the revenue whose payers churned; None: there was none."""
        return _ratio(self.gone_mrr, self.mrr)

    @property
    def grr(self) -> float | None:
        """Gross revenue retention, at most 1: without what grew or came back."""
        return _ratio(self.lowest, self.mrr)

    @property
    def nrr(self) -> float | None:
        """Net revenue retention: with it, and without new customers."""
        return _ratio(self.closing, self.mrr)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
