"""Reads a file of flat arrays (npz) that anybody may have made: no Python object, no surprise of size.

NumPy's own reader evaluates an array's header as Python and allocates what it announces. Here a header must
be the one that NumPy writes for a flat array, and what it announces must be what the file holds.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_MAGIC: Final = b"\x93NUMPY\x01\x00"
_HEADER: Final = re.compile(
    rb"\{'descr': '([^']{1,8})', 'fortran_order': False, 'shape': \((\d{1,12}),\), \} *\n"
)
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 1
_DAMAGED: Final = (
    *(OSError, EOFError, ValueError, NotImplementedError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
"""What the standard library says of archives that are none; `NotImplementedError` of versions to come."""


class ArraysError(ValueError):
    """The file is none of flat arrays, or not of those that are expected."""


def read_arrays(data: bytes, dtypes: Mapping[str, Any], *, cap: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays named in `dtypes`, which must be all that there are.

    Args:
        cap: bytes that the arrays may have once unpacked.

    Raises:
        ArraysError: says what is wrong.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            members = _members(packed, dtypes, cap)
            return {name: _array(name, _content(packed, members[name]), dtypes[name]) for name in dtypes}
    except ArraysError:
        raise
    except _DAMAGED as error:
        raise ArraysError(f"it is no file of plain arrays ({error})") from error


def _members(packed: zipfile.ZipFile, names: Mapping[str, Any], cap: int) -> dict[str, zipfile.ZipInfo]:
    members = packed.infolist()
    if sorted(member.filename for member in members) != sorted(f"{name}.npy" for name in names):
        raise ArraysError("it holds other arrays than explanations need")
    if sum(member.file_size for member in members) > cap:
        raise ArraysError(f"it unpacks to more than {cap:,} bytes")
    if any(m.compress_type not in _METHODS or m.flag_bits & _ENCRYPTED for m in members):
        raise ArraysError("it is packed in a way that the export does not use")
    return {member.filename.removesuffix(".npy"): member for member in members}


def _content(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with packed.open(member) as file:
        content = file.read(member.file_size)  # with a size, so that no more than that is unpacked
    if len(content) != member.file_size:
        raise ArraysError(f"{member.filename} is cut off")
    return content


def _array(name: str, content: bytes, dtype: Any) -> npt.NDArray[Any]:
    begins = len(_MAGIC) + 2
    if len(content) < begins or not content.startswith(_MAGIC):
        raise ArraysError(f"{name} is no array")
    (length,) = struct.unpack_from("<H", content, len(_MAGIC))
    header = _HEADER.fullmatch(content[begins : begins + length])
    expected = np.dtype(dtype).newbyteorder("<")
    if header is None or header[1] != expected.str.encode():
        raise ArraysError(f"{name} is no flat array of {np.dtype(dtype).name}")
    size = len(content) - begins - length
    if size != int(header[2]) * expected.itemsize:
        raise ArraysError(f"{name} holds another number of values than it says")
    result = np.empty(int(header[2]), dtype)  # aligned, and in large pages where the system has them
    result[:] = np.frombuffer(content, expected, offset=begins + length)
    return result
