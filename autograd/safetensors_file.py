"""A strict reader of safetensors files, which may come from anywhere.

Everything that the header says is checked against the file before anything is allocated: a damaged or hostile file is one
clear error at once.

Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, BinaryIO

import numpy as np

__all__ = ["FormatError"]

MAX_HEADER = 16 << 20  # bytes; about 150,000 tensors
DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "F32": "float32", "F64": "float64", "C64": "complex64",
    "BF16": "uint16",  # NumPy has no bfloat16: it is widened to float32, which holds all its values
}  # fmt: skip


class FormatError(ValueError):
    """A file is not what `save` writes, nor another intact safetensors file."""


def read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """The header, and where the tensors' bytes start."""
    first = file.read(8)
    if len(first) < 8:
        raise FormatError(f"expected a safetensors file, got one of {len(first)} bytes; it is empty or cut off")
    length = int.from_bytes(first, "little")
    if length > size - 8:
        raise FormatError(
            foreign(first)
            or f"the header is said to have {length} bytes, the file has {size}; it is cut off or damaged"
        )
    if length > MAX_HEADER:
        raise FormatError(f"the header has {length} bytes, more than the {MAX_HEADER} allowed")
    content = file.read(length)
    if not content.startswith(b"{"):
        raise FormatError(foreign(first) or "the header does not begin with '{'; it is damaged, or no safetensors file")
    header = parse(content, "the header")
    if not isinstance(header, dict):
        raise FormatError(f"expected the header to be an object, got {type(header).__name__}")
    return header, 8 + length


def foreign(first: bytes) -> str | None:
    """What a file is that begins like this, if it is a known kind."""
    for magic, kind in {
        b"PK": "a zip archive, as torch.save and np.savez write",
        b"\x80": "a pickle",
        b"\x93NUMPY": "an .npy file",
        b"\x89HDF": "an HDF5 file",
    }.items():
        if first.startswith(magic):
            return (
                f"expected a safetensors file, got {kind}; pickled code is never run here, so write the tensors again with "
                "safetensors.torch.save_file, or read them with np.load"
            )
    return None


def parse(text: str | bytes, what: str) -> Any:
    """JSON, without duplicate keys and without NaN."""

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise FormatError(f"{what} has the key {twice!r} twice")
        return made

    def refuse(constant: str) -> Any:
        raise FormatError(f"{what} contains {constant}, which is no JSON")

    try:
        text = text.decode() if isinstance(text, bytes) else text
        return json.loads(text, object_pairs_hook=distinct, parse_constant=refuse)
    except UnicodeDecodeError:
        raise FormatError(f"{what} is not UTF-8") from None
    except RecursionError:
        raise FormatError(f"{what} is nested too deep") from None
    except FormatError:
        raise
    except ValueError as error:
        raise FormatError(f"{what} is no JSON: {str(error)[:200]}") from None


def check_metadata(metadata: Any) -> None:
    """Raise unless the metadata is a dict of strings."""
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError("expected __metadata__ to be an object of strings")


def check_layout(header: dict[str, Any], size: int) -> dict[str, tuple[str, tuple[int, ...], int]]:
    """Name → type, shape and start of each tensor, once all of them together are known to fill the file exactly."""
    layout, spans = {}, []
    for name, entry in header.items():
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
            raise FormatError(f"tensor {name!r}: expected dtype, shape and data_offsets, got {shortened(entry)}")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise FormatError(
                f"tensor {name!r}: the type {shortened(dtype)} is not supported; known are {', '.join(DTYPES)}"
            )
        if not is_counts(shape) or len(shape) > 64:
            raise FormatError(f"tensor {name!r}: expected the shape to be up to 64 counts, got {shortened(shape)}")
        if not is_counts(offsets) or len(offsets) != 2:
            raise FormatError(f"tensor {name!r}: expected two data_offsets, got {shortened(offsets)}")
        begin, end = offsets
        if not begin <= end <= size:
            raise FormatError(
                f"tensor {name!r}: its bytes {begin}–{end} are not in the file, which has {size} for tensors"
            )
        if math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize != end - begin:
            raise FormatError(f"tensor {name!r}: {dtype} of shape {shortened(shape)} does not take {end - begin} bytes")
        layout[name] = dtype, tuple(shape), begin
        spans.append((begin, end, name))
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            what = "overlaps the one before" if begin < position else "leaves a hole before it"
            raise FormatError(f"tensor {name!r} {what}: it begins at byte {begin}, expected {position}")
        position = end
    if position != size:
        raise FormatError(f"the tensors take {position} bytes, the file has {size} for them; it is damaged")
    return layout


def is_counts(values: Any) -> bool:
    """Is it a list of integers that are not negative?"""
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)


def shortened(value: Any) -> str:
    """The beginning of a value from a file, for an error message."""
    text = (
        repr(value)
        if not isinstance(value, (list, dict, str)) or len(value) < 100
        else f"{type(value).__name__} of {len(value)}"
    )
    return text if len(text) <= 100 else text[:97] + "…"


def read_arrays(
    file: BinaryIO, start: int, layout: dict[str, tuple[str, tuple[int, ...], int]]
) -> dict[str, np.ndarray]:
    """The tensors of a file whose layout has been checked."""
    arrays = {}
    for name, (dtype, shape, begin) in layout.items():
        stored = np.dtype(DTYPES[dtype]).newbyteorder("<")
        try:
            array = np.empty(shape, stored)
        except (ValueError, MemoryError) as error:
            raise FormatError(f"tensor {name!r} of shape {shortened(list(shape))} cannot be made: {error}") from None
        if array.size:
            file.seek(start + begin)
            if file.readinto(memoryview(array.reshape(-1)).cast("B")) != array.nbytes:  # type: ignore[attr-defined]
                raise FormatError(f"tensor {name!r}: the file ends before its last byte")
        if dtype == "BOOL" and array.size and array.view(np.uint8).max() > 1:
            raise FormatError(f"tensor {name!r}: a truth value is neither 0 nor 1")
        if dtype == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        arrays[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    return arrays
