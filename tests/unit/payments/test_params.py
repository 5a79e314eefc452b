"""Forms as Stripe's clients send them."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from payments.errors import ApiError
from payments.params import Params, decode_form

NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
VALUES = st.recursive(
    st.text(max_size=8),
    lambda inner: (
        st.dictionaries(NAMES, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_the_official_client_encodes_is_read_back(params: dict[str, Any]) -> None:
    form = urlencode(list(_api_encode(params)))

    assert decode_form(form) == params


@pytest.mark.parametrize(
    ("form", "params"),
    [
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[10]=x&a[9]=y", {"a": ["y", "x"]}),
        ("created[gte]=5", {"created": {"gte": "5"}}),
        ("email=", {"email": ""}),
        ("", {}),
    ],
)
def test_forms_by_hand(form: str, params: dict[str, Any]) -> None:
    assert decode_form(form) == params


@pytest.mark.parametrize("form", ["a=1&a[b]=2", "a[b]=1&a[b][c]=2"])
def test_a_name_is_not_a_value_and_an_object_at_once(form: str) -> None:
    with pytest.raises(ApiError):
        decode_form(form)


@pytest.mark.parametrize("value", ["1.5", "x", 1.5, True, [1], {"a": 1}])
def test_what_is_no_whole_number_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ApiError) as refused:
        Params({"items": [{"quantity": value}]}).rows("items")[0].integer("quantity")  # type: ignore[index]

    assert refused.value.error["param"] == "items[0][quantity]"


@pytest.mark.parametrize(("value", "read"), [("true", True), (False, False), ("", None), (None, None)])
def test_truth_is_read_from_words(value: Any, read: bool | None) -> None:
    assert Params({"flag": value}).boolean("flag") is read
    with pytest.raises(ApiError):
        Params({"flag": "yes"}).boolean("flag")


def test_metadata_is_merged_and_emptied_keys_go() -> None:
    before = {"a": "1", "b": "2"}

    assert Params({"metadata": {"b": "", "c": "3"}}).metadata(before) == {"a": "1", "c": "3"}
    assert Params({"metadata": ""}).metadata(before) == {}
    assert Params({}).metadata(before) == before
