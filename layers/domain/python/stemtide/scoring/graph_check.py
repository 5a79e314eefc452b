"""What a model's graph may hold, read from its bytes before any runtime parses them.

An ONNX file can name other files as the home of its weights and can hold functions, subgraphs and operators
of other libraries. Ours never does. ONNX is a Protocol Buffers message, so a walk over its fields is enough.
"""

from collections.abc import Iterator
from typing import Final

OPERATORS: Final = frozenset({"TreeEnsemble", "Mul", "Add", "Sigmoid", "Gather"})
"""The operators that the export uses."""
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_MODEL: Final = {7: "graph"}
_MODEL_REFUSED: Final = {20: "training information", 25: "functions"}
_CHILDREN: Final = {
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor"},
    "tensor": {},
}
_REFUSED: Final = {
    "graph": {15: "sparse weights"},
    "node": {},
    "attribute": {6: "a subgraph", 11: "subgraphs", 22: "sparse weights", 23: "sparse weights"},
    "tensor": {13: "external data", 14: "a data location"},
}
ML_DOMAIN: Final = "ai.onnx.ml"
ML_OPSET: Final = 5
"""`TreeEnsemble` with doubles exists from this version on; of a domain without one the runtime takes any."""
_OPSET: Final = 8
_OP_TYPE, _DOMAIN = 4, 7


class GraphError(ValueError):
    """The bytes are no ONNX message, or hold something that a model of ours never does."""


def check_graph(data: bytes) -> None:
    """Refuse a graph with anything but known operators and weights of its own.

    Raises:
        GraphError: says what it holds.
    """
    graphs = 0
    versions: list[tuple[str, int]] = []
    view = memoryview(data)
    for field, value in _fields(view):
        if field in _MODEL_REFUSED:
            raise GraphError(f"it holds {_MODEL_REFUSED[field]}")
        if field in _MODEL:
            graphs += 1
            _walk(_message(value), _MODEL[field])
        if field == _OPSET:
            versions.append(_version(_message(value)))
    if graphs != 1:
        raise GraphError("it does not hold one graph")
    if sorted(domain for domain, _ in versions) != ["", ML_DOMAIN] or (ML_DOMAIN, ML_OPSET) not in versions:
        raise GraphError(f"it is not of {ML_DOMAIN} {ML_OPSET} and ONNX's own operators")


def _version(opset: memoryview) -> tuple[str, int]:
    """Domain and version of an operator set."""
    domain, version = "", 0
    for field, value in _fields(opset):
        if isinstance(value, int):
            version = value
        elif field == 1:
            domain = _text(value)
    return domain, version


def _walk(message: memoryview, kind: str) -> None:
    for field, value in _fields(message):
        if field in _REFUSED[kind]:
            raise GraphError(f"it holds {_REFUSED[kind][field]}")
        if kind == "node" and field == _OP_TYPE:
            operator = _text(value)
            if operator not in OPERATORS:
                raise GraphError(f"it holds the operator {operator[:64]!r}")
        if kind == "node" and field == _DOMAIN:
            domain = _text(value)
            if domain not in ("", ML_DOMAIN):
                raise GraphError(f"it holds an operator of {domain[:64]!r}")
        child = _CHILDREN[kind].get(field)
        if child is not None:
            _walk(_message(value), child)


def _message(value: memoryview | int | None) -> memoryview:
    if not isinstance(value, memoryview):
        raise GraphError("it is no ONNX message")
    return value


def _text(value: memoryview | int | None) -> str:
    return bytes(_message(value)).decode("utf-8", "replace")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int | None]]:
    """Number and content of each field; None for numbers of fixed size."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            number, at = _varint(message, at)
            yield field, number
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise GraphError("it is no ONNX message")
        if at + size > end:
            raise GraphError("it is cut off")
        yield field, message[at : at + size] if kind == _BYTES else None
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise GraphError("it is cut off")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise GraphError("it is no ONNX message")
