"""Forms as browsers and mail programs post them, and what is none."""

import base64
from dataclasses import replace

import pytest
from stemtide.access import POST_UNSUBSCRIBE
from stemtide.http.forms import MAX_FORM_BYTES, read_form
from stemtide.http.problem import Problem
from stemtide.http.request import Request

MULTIPART = (
    b'--xx\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'
    b'--xx\r\nContent-Disposition: form-data; name="note"\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n--xx--\r\n'
)


def request(body: bytes, content_type: str | None) -> Request:
    """A post as the gateway hands it over: a form's body in base64."""
    return Request(
        request_id="r",
        route=POST_UNSUBSCRIBE,
        headers={} if content_type is None else {"content-type": content_type},
        query={},
        path={"token": "t"},
        claims=None,
        body=base64.b64encode(body).decode(),
        body_is_base64=True,
        arrival_ms=0,
    )


@pytest.mark.parametrize(
    ("body", "content_type", "fields"),
    [
        (b"List-Unsubscribe=One-Click", None, [("List-Unsubscribe", "One-Click")]),
        (b"a=1&a=2&b=", "application/x-www-form-urlencoded", [("a", "1"), ("a", "2"), ("b", "")]),
        (b"a=%C3%BC+x", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", [("a", "ü x")]),
        (b"", "application/x-www-form-urlencoded", []),
        (
            MULTIPART,
            "multipart/form-data; boundary=xx",
            [("List-Unsubscribe", "One-Click"), ("note", "Grüße")],
        ),
        (
            MULTIPART,
            'multipart/form-data; boundary="xx"',
            [("List-Unsubscribe", "One-Click"), ("note", "Grüße")],
        ),
    ],
)
def test_both_kinds_of_forms_are_read(
    body: bytes, content_type: str | None, fields: list[tuple[str, str]]
) -> None:
    assert read_form(request(body, content_type)) == fields


def test_a_form_that_arrives_as_text_is_read_too() -> None:
    as_text = replace(request(b"", None), body="List-Unsubscribe=One-Click", body_is_base64=False)

    assert read_form(as_text) == [("List-Unsubscribe", "One-Click")]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"a": 1}', "application/json", 415),
        (b"x" * (MAX_FORM_BYTES + 1), None, 413),
        (b"a=%FF", None, 400),
        (b"\xff", None, 400),
        (b"&".join(b"a=%d" % n for n in range(21)), None, 400),
        (MULTIPART, "multipart/form-data", 400),
        (b"nothing", "multipart/form-data; boundary=xx", 400),
        (MULTIPART.replace(b"\xc3\xbc", b"\xff"), "multipart/form-data; boundary=xx", 400),
        (MULTIPART, "multipart/form-data; boundary=\u2028", 400),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str | None, status: int) -> None:
    with pytest.raises(Problem) as refused:
        read_form(request(body, content_type))

    assert refused.value.status == status
