"""Parameters are read or refused by name with what to send instead."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.access import GET_USAGE
from stemtide.http import parameters
from stemtide.http.problem import Problem
from stemtide.http.request import Request

from tests.http_api import get


def request(account: str = "acme", **query: str) -> Request:
    return Request.from_event(get(GET_USAGE, query=query, account=account))


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, date(2024, 1, 1), date(2024, 1, 30)),
        ({"to": "2022-02-28"}, date(2022, 1, 30), date(2022, 2, 28)),
        ({"from": "2024-01-30"}, date(2024, 1, 30), date(2024, 1, 30)),
        ({"from": "2023-01-01", "to": "2024-02-04"}, date(2023, 1, 1), date(2024, 2, 4)),
        ({"to": "0001-01-03"}, date(1, 1, 1), date(1, 1, 3)),
    ],
)
def test_a_range_includes_both_ends_and_defaults_to_thirty_days(
    query: dict[str, str], first: date, last: date
) -> None:
    assert parameters.date_range(request(**query)) == (first, last)


@pytest.mark.parametrize(
    ("query", "parameter", "remedy"),
    [
        ({"from": "2024-02-30"}, "from", "YYYY-MM-DD"),
        ({"from": "01/02/2024"}, "from", "YYYY-MM-DD"),
        ({"to": "2024-01-30T00:00:00Z"}, "to", "YYYY-MM-DD"),
        ({"to": "20240130"}, "to", "YYYY-MM-DD"),
        ({"to": "2024-W05-2"}, "to", "YYYY-MM-DD"),
        ({"to": "\u0662024-01-30"}, "to", "YYYY-MM-DD"),
        ({"from": "2024-01-01,2024-01-02"}, "from", "YYYY-MM-DD"),
        ({"from": ""}, "from", "YYYY-MM-DD"),
        ({"from": "2024-01-31", "to": "2024-01-30"}, "from", "swap them"),
        ({"from": "2025-01-01"}, "from", "swap them, or send from as well"),
        ({"from": "2023-01-01", "to": "2024-02-05"}, "from", "401 days are asked for, at most 400"),
    ],
)
def test_a_bad_range_names_the_parameter_and_the_remedy(
    query: dict[str, str], parameter: str, remedy: str
) -> None:
    with pytest.raises(Problem) as caught:
        parameters.date_range(request(**query))

    assert caught.value.status == 400
    assert caught.value.extra["parameter"] == parameter
    assert remedy in caught.value.detail


@pytest.mark.parametrize(
    ("sent", "account"),
    [("acme", "acme"), ("a%40b.example", "a@b.example"), ("a@b.example", "a@b.example"), ("a%3Ab", "a:b")],
)
def test_an_account_id_arrives_encoded_or_not(sent: str, account: str) -> None:
    assert parameters.account_of(request(sent)) == account


@pytest.mark.parametrize(
    "sent",
    [
        "..%2F..%2Fetc%2Fpasswd",
        "a%00b",
        "a%2Fb",
        "a b",
        "x" * 129,
        "%",
        "",
        "é",
        "%FF",
        "a%0d%0aSet-Cookie:x",
        "a#b",
    ],
)
def test_what_is_no_account_id_is_refused(sent: str) -> None:
    with pytest.raises(Problem) as caught:
        parameters.account_of(request(sent))

    assert (caught.value.status, caught.value.extra["parameter"]) == (400, "id")


def test_a_misspelt_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Problem, match="400 bad-parameter") as caught:
        parameters.only(request(form="2024-01-01"), ("from", "to"))

    assert "this route takes from, to" in caught.value.detail


@given(st.text(max_size=20))
def test_any_limit_is_a_number_in_range_or_refused(text: str) -> None:
    try:
        limit = parameters.whole_number(request(limit=text), "limit", default=50, maximum=100)
    except Problem as problem:
        assert problem.status == 400  # noqa: PT017
    else:
        assert 1 <= limit <= 100
