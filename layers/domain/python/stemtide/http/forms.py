"""The fields of a form, sent either way that HTML and RFC 8058 know."""

from email import policy
from email.parser import BytesParser
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from stemtide.http.body import raw_body
from stemtide.http.problem import Problem
from stemtide.http.request import Request

MAX_FORM_BYTES: Final = 8192
MAX_FIELDS: Final = 20
_URL_ENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"

Fields = list[tuple[str, str]]


def read_form(request: Request) -> Fields:
    """Names and values in their order.

    Raises:
        Problem: 413 too large, 415 no form, 400 a form that cannot be read.
    """
    data = raw_body(request)
    if len(data) > MAX_FORM_BYTES:
        detail = f"The form is larger than {MAX_FORM_BYTES} bytes."
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)
    content_type = request.headers.get("content-type", _URL_ENCODED)
    kind = content_type.partition(";")[0].strip().casefold()
    if kind not in (_URL_ENCODED, _MULTIPART):
        detail = f"Send a form as {_URL_ENCODED} or {_MULTIPART}."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-a-form", detail)
    try:
        fields = _url_encoded(data) if kind == _URL_ENCODED else _multipart(data, content_type)
    except (UnicodeError, ValueError, LookupError):
        raise Problem(HTTPStatus.BAD_REQUEST, "broken-form", "The form cannot be read.") from None
    if len(fields) > MAX_FIELDS:
        raise Problem(HTTPStatus.BAD_REQUEST, "broken-form", f"A form has at most {MAX_FIELDS} fields.")
    return fields


def _url_encoded(data: bytes) -> Fields:
    text = data.decode("utf-8")
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)


def _multipart(data: bytes, content_type: str) -> Fields:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=policy.HTTP).parsebytes(head + data)
    if not message.is_multipart():
        raise ValueError("no boundary, or no parts")
    fields = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields.append((name, content.decode("utf-8").removesuffix("\r\n")))
    return fields
