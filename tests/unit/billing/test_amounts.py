"""The provider's amounts, to ISO's minor unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.billing.amounts import minor_units
from stemtide.billing.objects import MalformedError
from stemtide.currencies import CODES

TOLD_OTHERWISE = {"ISK", "UGX", "MGA"}


@pytest.mark.parametrize(
    ("currency", "told", "expected"),
    [
        ("USD", 1999, 1999),  # 19.99 dollars
        ("JPY", 1200, 1200),  # 1,200 yen
        ("KWD", 5250, 5250),  # 5.250 dinars
        ("ISK", 499_000, 4990),  # 4,990 krónur, told in hundredths
        ("UGX", 1_000_000, 10_000),
        ("MGA", 5000, 500_000),  # 5,000 ariary, told whole
    ],
)
def test_an_amount_is_told_in_isos_minor_units(currency: str, told: int, expected: int) -> None:
    assert minor_units(told, currency) == expected


@given(st.sampled_from(sorted(CODES - TOLD_OTHERWISE)), st.integers(-(10**12), 10**12))
def test_all_other_currencies_are_told_as_iso_has_them(currency: str, told: int) -> None:
    assert minor_units(told, currency) == told


def test_a_part_of_a_krona_is_no_amount() -> None:
    with pytest.raises(MalformedError, match="499001 is no whole amount of ISK"):
        minor_units(499_001, "ISK")
