"""A file of arrays may be anybody's: nothing in it runs, and it takes no more room than it says."""

import io
import pickle
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stemtide.scoring.plain_arrays import ArraysError, read_arrays

DTYPES = {"a": np.float64, "b": np.uint16}
CAP = 1_000_000


def packed(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


CONTENT = {"a": np.array([1.5, -0.0, np.nan, 5e-324]), "b": np.arange(3, dtype=np.uint16)}
WHOLE = packed(**CONTENT)


def refused(data: bytes, cap: int = CAP) -> str:
    with pytest.raises(ArraysError) as refusal:
        read_arrays(data, DTYPES, cap=cap)
    return str(refusal.value)


def repacked(change: Callable[[str, bytes], tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as old, zipfile.ZipFile(buffer, "w", method) as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return buffer.getvalue()


def with_header(header: bytes) -> bytes:
    """`a` announced as something else."""

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name != "a.npy":
            return name, content
        body = content[content.index(b"\n") + 1 :]
        return name, content[:8] + struct.pack("<H", len(header)) + header + body

    return repacked(change)


PLAIN = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves_is_read_bit_by_bit(save: Any) -> None:
    buffer = io.BytesIO()
    save(buffer, **CONTENT)

    found = read_arrays(buffer.getvalue(), DTYPES, cap=CAP)

    assert {name: array.tobytes() for name, array in found.items()} == {
        name: array.tobytes() for name, array in CONTENT.items()
    }
    assert {name: array.dtype for name, array in found.items()} == DTYPES
    assert read_arrays(with_header(PLAIN + b"\n"), DTYPES, cap=CAP)["a"].tobytes() == CONTENT["a"].tobytes()


def test_empty_arrays_are_read() -> None:
    found = read_arrays(packed(a=np.empty(0), b=np.empty(0, np.uint16)), DTYPES, cap=CAP)

    assert [len(array) for array in found.values()] == [0, 0]


@pytest.mark.parametrize(
    "content",
    [
        {"a": CONTENT["a"]},
        {**CONTENT, "c": np.zeros(1)},
        {"a": CONTENT["a"], "../b": CONTENT["b"]},
        {"a": CONTENT["a"], "/etc/b": CONTENT["b"]},
        {"a": CONTENT["a"], "x/../b": CONTENT["b"]},
        {"a": CONTENT["a"], "B": CONTENT["b"]},
    ],
    ids=" ".join,
)
def test_other_members_are_refused_by_their_names(content: dict[str, Any]) -> None:
    assert "other arrays" in refused(packed(**content))


def test_a_member_twice_is_refused() -> None:
    buffer = io.BytesIO(WHOLE)
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("b.npy", b"")

    assert "other arrays" in refused(buffer.getvalue())


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999,), }\n",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,), }\n",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (5,), }\n",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }\n",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n",
        b"{'descr': '<f8', 'fortran_order': True, 'shape': (4,), }\n",
        b"{'descr': '>f8', 'fortran_order': False, 'shape': (4,), }\n",
        b"{'descr': '<i8', 'fortran_order': False, 'shape': (4,), }\n",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (4,), }\n",
        b"{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (4,), }\n",
        b"__import__('os').abort()\n",
        b"(" * 5000 + b"\n",
        b"",
        PLAIN,
        PLAIN + b"x\n",
    ],
    ids=lambda header: header[:60].decode(),
)
def test_a_header_that_announces_anything_else_is_refused_and_not_evaluated(header: bytes) -> None:
    """NumPy's reader would allocate 73 TB for the first."""
    assert refused(with_header(header))


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x03\x00\x10\x00\x00\x00", b"\x80\x04N."]
)
def test_a_member_that_is_no_array_is_refused(content: bytes) -> None:
    assert refused(repacked(lambda name, own: (name, content if name == "a.npy" else own)))


def test_pickles_are_refused_unopened(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    objects = np.array([Hostile()], dtype=object)

    assert refused(packed(a=objects, b=CONTENT["b"]))
    assert refused(pickle.dumps(Hostile()))
    assert refused(repacked(lambda name, _: (name, pickle.dumps(Hostile()))))
    assert not (tmp_path / "ran").exists()


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = packed(a=np.zeros(2_000_000), b=CONTENT["b"])

    assert len(bomb) < 50_000
    assert "unpacks to more" in refused(bomb)


def test_a_bomb_that_lies_about_its_size_takes_no_more_than_it_says() -> None:
    """The directory says a kilobyte where 160 MB are packed."""
    size = 160_000_000
    bomb = bytearray(packed(a=np.zeros(size // 8), b=CONTENT["b"]))
    for true in {struct.pack("<I", len(found)) for found in [bytes(size + 128)]}:
        at = bomb.rfind(true)
        assert at > 0
        bomb[at : at + 4] = struct.pack("<I", 1000)

    tracemalloc.start()
    try:
        assert refused(bytes(bomb))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 10_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(method: int) -> None:
    assert "packed in a way" in refused(repacked(lambda name, content: (name, content), method))


def test_an_encrypted_archive_is_refused() -> None:
    data = bytearray(WHOLE)
    for found in re.finditer(rb"PK\x01\x02", WHOLE):
        data[found.start() + 8] |= 1

    assert "packed in a way" in refused(bytes(data))


@pytest.mark.parametrize("size", range(0, len(WHOLE), 7))
def test_every_cut_is_refused(size: int) -> None:
    assert refused(WHOLE[:size])


def test_too_much_in_all_is_refused() -> None:
    assert "more than 10 bytes" in refused(WHOLE, cap=10)
