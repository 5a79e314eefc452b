"""The split that was asked for, and what follows where nothing was."""

import pytest
from stemtide_cli.errors import CliError

from models.evaluate import Split, split_of


@pytest.mark.parametrize(
    ("fit_until", "test_from", "expected"),
    [
        (None, None, (100, 101)),
        (90, None, (90, 91)),
        (None, 90, (89, 90)),
        (None, 120, (100, 120)),
        (None, 101, (100, 101)),
        (80, 120, (80, 120)),
        (110, None, (110, 111)),
        (110, 111, (110, 111)),
    ],
)
def test_what_was_not_given_follows_from_the_rest_and_the_day_that_divides_the_log(
    fit_until: int | None, test_from: int | None, expected: tuple[int, int]
) -> None:
    split = split_of(default=100, fit_until=fit_until, test_from=test_from, test_until=130)

    assert split == Split(fit_until=expected[0], test_from=expected[1], test_until=130)


@pytest.mark.parametrize(("fit_until", "test_from"), [(95, 95), (95, 94)])
def test_a_test_within_the_fitted_time_is_refused(fit_until: int, test_from: int) -> None:
    with pytest.raises(CliError) as caught:
        split_of(default=100, fit_until=fit_until, test_from=test_from, test_until=None)

    assert "is not after --fit-until 1970-04-06" in caught.value.message
    assert f"--test-from 1970-04-0{test_from - 89}" in caught.value.message


def test_a_log_of_its_own_to_fit_on_leaves_both_as_they_were_asked_for() -> None:
    split = split_of(default=None, fit_until=95, test_from=90, test_until=100)

    assert split == Split(fit_until=95, test_from=90, test_until=100)
