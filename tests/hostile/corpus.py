"""Files that look like safetensors files and are not: one function per kind, for every reader that wants to be safe.

`CORPUS` maps a name to the file's bytes, as a function without arguments; a reader has to refuse each of them.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

KEY = "gradloom"


def file(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A file of a header (bytes, or what JSON is made of) and data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    """A header's entry for a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


def one(**entry: Any) -> bytes:
    """A file with one tensor of eight bytes."""
    return file({"a": tensor(**entry)}, bytes(8))


def structure(value: Any, version: Any = 1, data: bytes = bytes(8), **tensors: Any) -> bytes:
    """A file whose metadata has this structure."""
    text = value if isinstance(value, str) else json.dumps({"version": version, "value": value})
    return file({"__metadata__": {KEY: text}, **(tensors or {"a": tensor()})}, data)


def nested(depth: int) -> Any:
    value: Any = {"tensor": "a"}
    for _ in range(depth):
        value = [value]
    return value


def zipped(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, content)
    return made.getvalue()


def npz() -> bytes:
    made = io.BytesIO()
    np.savez(made, a=np.array([{"an": "object"}], dtype=object), allow_pickle=True)
    return made.getvalue()


CORPUS: dict[str, Callable[[], bytes]] = {
    # the frame
    "empty": lambda: b"",
    "seven bytes": lambda: bytes(7),
    "zeros": lambda: bytes(64),
    "no header": lambda: file(b""),
    "header longer than the file": lambda: file({"a": tensor()}, bytes(8), length=1000),
    "header of 2^63 bytes": lambda: file({"a": tensor()}, bytes(8), length=1 << 63),
    "header of 2^64-1 bytes": lambda: file({"a": tensor()}, bytes(8), length=(1 << 64) - 1),
    "header cut short": lambda: file({"a": tensor()}, bytes(8), length=20),
    "header over the limit": lambda: file(b"{" + b" " * (17 << 20) + b"}"),
    # JSON
    "not JSON": lambda: file(b"{not json at all"),
    "leading space": lambda: file(b" " + json.dumps({"a": tensor()}).encode(), bytes(8)),
    "an array": lambda: file(b"[1, 2]"),
    "not UTF-8": lambda: file(b'{"\xff\xfe": 1}'),
    "text behind the object": lambda: file(b'{"a": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x', bytes(8)),
    "a million brackets": lambda: file(b'{"a":' + b"[" * 1_000_000 + b"}"),
    "a name twice, same": lambda: file(
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        bytes(8),
    ),
    "a name twice, different": lambda: file(
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}',
        bytes(8),
    ),
    "a field twice": lambda: file(b'{"a":{"dtype":"F32","shape":[2],"shape":[1],"data_offsets":[0,8]}}', bytes(8)),
    "NaN in the shape": lambda: file(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}', bytes(8)),
    "an integer of 10,000 digits": lambda: file(
        b'{"a":{"dtype":"F32","shape":[' + b"9" * 10_000 + b'],"data_offsets":[0,8]}}', bytes(8)
    ),
    # one tensor
    "a tensor that is a number": lambda: file({"a": 3}),
    "a field missing": lambda: file({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
    "a field too many": lambda: one(stride=[1]),
    "unknown type": lambda: one(dtype="F31"),
    "type that is a list": lambda: one(dtype=["F32"]),
    "type with a script": lambda: one(dtype="<script>alert(1)</script>" * 1000),
    "object type": lambda: one(dtype="O"),
    "negative length": lambda: one(shape=[-2]),
    "fractional length": lambda: one(shape=[2.0]),
    "true as a length": lambda: file({"a": tensor(shape=[True, 2])}, bytes(8)),
    "length as text": lambda: one(shape=["2"]),
    "shape is a number": lambda: one(shape=2),
    "65 dimensions": lambda: one(shape=[1] * 64 + [2]),
    "shape of 2^62 elements": lambda: one(shape=[1 << 62]),
    "shape whose product overflows": lambda: one(shape=[1 << 32, 1 << 32, 2]),
    "zero elements, impossible lengths": lambda: file({"a": tensor(shape=[0, 1 << 62, 1 << 62], offsets=[0, 0])}),
    "shape too small for the bytes": lambda: one(shape=[1]),
    "begin behind end": lambda: one(offsets=[8, 0]),
    "negative begin": lambda: one(offsets=[-8, 0]),
    "three offsets": lambda: one(offsets=[0, 4, 8]),
    "offsets behind the file": lambda: one(shape=[4], offsets=[0, 16]),
    "offsets of 2^63": lambda: one(offsets=[0, 1 << 63]),
    "truth value 7": lambda: file({"a": tensor("BOOL", [8], [0, 8])}, bytes([0, 1, 7, 0, 0, 0, 0, 0])),
    # several tensors
    "overlap": lambda: file({"a": tensor(), "b": tensor(offsets=[4, 12])}, bytes(12)),
    "the same bytes twice": lambda: file({"a": tensor(), "b": tensor()}, bytes(8)),
    "a hole": lambda: file({"a": tensor(), "b": tensor(offsets=[12, 20])}, bytes(20)),
    "a hole in front": lambda: one(shape=[1], offsets=[4, 8]),
    "bytes behind the last tensor": lambda: file({"a": tensor()}, bytes(16)),
    "bytes and no tensor": lambda: file({}, bytes(8)),
    "last byte missing": lambda: file({"a": tensor()}, bytes(7)),
    "a million empty tensors": lambda: file(
        b"{" + b",".join(b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(1_000_000)) + b"}"
    ),
    # metadata and structure
    "metadata is a list": lambda: file({"__metadata__": ["x"], "a": tensor()}, bytes(8)),
    "metadata with a number": lambda: file({"__metadata__": {"x": 1}, "a": tensor()}, bytes(8)),
    "metadata as a tensor": lambda: file({"__metadata__": tensor()}, bytes(8)),
    "structure is no JSON": lambda: structure("{"),
    "structure of a future version": lambda: structure({"tensor": "a"}, version=2),
    "structure without a value": lambda: structure('{"version": 1}'),
    "structure names no tensor of the file": lambda: structure({"tensor": "b"}),
    "structure names a list": lambda: structure({"tensor": ["a"]}),
    "structure forgets a tensor": lambda: structure(3),
    "structure of an unknown kind": lambda: structure([{"tensor": "a"}, {"__reduce__": ["os.system", "true"]}]),
    "structure of an empty kind": lambda: structure([{"tensor": "a"}, {}]),
    "structure 300 deep": lambda: structure(nested(300)),
    "structure 100,000 deep": lambda: structure('{"version":1,"value":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "structure with a list as a key": lambda: structure({"dict": [[[1], {"tensor": "a"}]]}),
    "structure with a key twice": lambda: structure({"dict": [[1, {"tensor": "a"}], [1, 2]]}),
    "structure with a dict that is none": lambda: structure([{"tensor": "a"}, {"dict": {"x": 1}}]),
    "structure with a pair of three": lambda: structure([{"tensor": "a"}, {"dict": [[1, 2, 3]]}]),
    "structure with a tuple that is none": lambda: structure([{"tensor": "a"}, {"tuple": "ab"}]),
    "structure with an object type": lambda: structure([{"tensor": "a"}, {"dtype": "O"}]),
    "structure with a strange float": lambda: structure([{"tensor": "a"}, {"float": "1e999"}]),
    "structure with a strange device": lambda: structure({"tensor": "a", "device": "../../etc/passwd"}),
    "structure with a strange complex": lambda: structure([{"tensor": "a"}, {"complex": [1, "j"]}]),
    "complex of float32": lambda: structure({"tensor": "a", "complex": True}),
    "integers that require grad": lambda: structure({"tensor": "a", "requires_grad": True}, a=tensor("I32")),
    "requires grad, perhaps": lambda: structure({"tensor": "a", "requires_grad": "maybe"}),
    "a number of two elements": lambda: structure({"scalar": "a"}),
    "shared with another shape": lambda: structure(
        [{"tensor": "a"}, {"tensor": "b", "same_as": "a"}],
        data=bytes(12),
        a=tensor(),
        b=tensor(shape=[1], offsets=[8, 12]),
    ),
    "shared with other values": lambda: structure(
        [{"tensor": "a"}, {"tensor": "b", "same_as": "a"}],
        data=bytes(15) + b"\1",
        a=tensor(),
        b=tensor(offsets=[8, 16]),
    ),
    # other formats under this one's name
    "a pickle": lambda: pickle.dumps({"a": [1, 2, 3]}),
    "a pickle that runs code": lambda: b"cos\nsystem\n(S'echo hacked'\ntR.",
    "a zip with a pickle": lambda: zipped("archive/data.pkl", b"cos\nsystem\n(S'echo hacked'\ntR."),
    "a zip bomb": lambda: zipped("bomb", bytes(1 << 20)),
    "an npz with objects": npz,
    "an npy file": lambda: b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "an HTML page": lambda: b"<!DOCTYPE html><html><script>alert(1)</script></html>",
}
