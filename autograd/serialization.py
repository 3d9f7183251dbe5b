"""save() and load(): nested containers of tensors in safetensors files, which hold data and nothing that could run.

The tensors are the file's tensors, under their dotted paths (``model.0.weight``), so that other programs find them.  What
the containers were, with numbers, strings and shared tensors, is a JSON text in the file's metadata.

Writing goes through the `safetensors` library, reading through `safetensors_file`, which trusts nothing.
"""

from __future__ import annotations

import io
import json
import math
import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from .device import CPU, device, to_device
from .extras import require
from .safetensors_file import (
    DTYPES,
    MAX_HEADER,
    FormatError,
    check_layout,
    check_metadata,
    parse,
    read_arrays,
    read_header,
    shortened,
)
from .tensor import Size, Tensor, share, wrap

__all__ = ["FormatError", "load", "save"]

KEY = "gradloom"  # the metadata entry with the structure
MAX_DEPTH = 200  # of containers in containers

# ---- saving ------------------------------------------------------------------------------------------------------


def save(obj: Any, f: Any) -> None:
    """Write tensors, and containers of them, to a safetensors file.

    The file appears at once and whole: a crash at any moment leaves either the old file or the new one.

    Args:
        obj: tensors, arrays, numbers, strings, None, and dicts, lists and tuples of them: what `state_dict()` returns, and
            dicts that hold several such.
        f: path, or a binary file open for writing.

    Raises:
        TypeError: something else is in there, for instance a module: save its `state_dict()`.

    >>> import autograd as ag
    >>> file = io.BytesIO()
    >>> save({"weight": ag.ones(2), "epoch": 3}, file)
    >>> load(io.BytesIO(file.getvalue()))
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    library = require("safetensors.numpy", extra="io")
    packer = Packer()
    structure = packer.pack(obj, (), 0)
    metadata = {KEY: json.dumps({"version": 1, "value": structure}, allow_nan=False, separators=(",", ":"))}
    if sum(len(name) + 100 for name in packer.tensors) + len(json.dumps(metadata)) > MAX_HEADER:
        raise ValueError(f"the names and numbers in it take more than {MAX_HEADER >> 20} MiB; put numbers into tensors")
    if hasattr(f, "write"):
        f.write(library.save(packer.tensors, metadata))
        return
    write_atomically(f, lambda path: library.save_file(packer.tensors, path, metadata))


def write_atomically(path: Any, write: Callable[[str], Any]) -> None:
    """Let `write` make a file beside the path, and put it in place when it is safe on the disk."""
    path = os.path.realpath(os.fspath(path))  # a link stays a link
    folder, name = os.path.split(path)
    beside = os.path.join(folder, f".{name[:100]}.{os.urandom(8).hex()}.tmp")
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        write(beside)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        if os.path.exists(path):
            os.chmod(beside, stat.S_IMODE(os.stat(path).st_mode))
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
    if os.name == "posix":
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)  # the new name, too, must survive a power cut
        finally:
            os.close(entry)


class Packer:
    """Takes the tensors out of an object and describes the rest in JSON's terms.

    Numbers, strings, None and lists stand for themselves; anything else is a dict with its kind as the first key.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, np.ndarray] = {}
        self.seen: dict[tuple, tuple[str, Any]] = {}  # memory → the name it was saved under; what keeps it alive

    def pack(self, value: Any, path: tuple, depth: int) -> Any:
        """The description of a value."""
        if depth > MAX_DEPTH:
            raise ValueError(f"containers are nested more than {MAX_DEPTH} deep (or one contains itself)")
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is complex:
            return {"complex": [self.pack(part, path, depth + 1) for part in (value.real, value.imag)]}
        if kind is list:
            return self.pack_items(value, path, depth)
        if kind in (tuple, Size):
            return {kind.__name__: self.pack_items(value, path, depth)}
        if isinstance(value, dict):  # of any kind; what distinguishes Counter or defaultdict is not kept
            pairs = [
                [self.pack(key, path, depth + 1), self.pack(item, (*path, key), depth + 1)]
                for key, item in value.items()
            ]
            return {"OrderedDict" if isinstance(value, OrderedDict) else "dict": pairs}
        if isinstance(value, Tensor):
            return self.pack_tensor(value, path)
        if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
            return self.store("array" if kind is np.ndarray else "scalar", np.asarray(value), value, path)
        if isinstance(value, (np.dtype, device)):
            return {"dtype" if isinstance(value, np.dtype) else "device": str(value)}
        raise TypeError(refusal(value, path))

    def pack_items(self, values: Any, path: tuple, depth: int) -> list:
        return [self.pack(item, (*path, i), depth + 1) for i, item in enumerate(values)]

    def pack_tensor(self, tensor: Tensor, path: tuple) -> dict[str, Any]:
        if type(tensor).__name__.startswith("Uninitialized"):
            raise TypeError(
                f"expected tensors with values, got {type(tensor).__name__}{at(path)}; call the module first"
            )
        described = self.store("tensor", to_device(share(tensor), CPU), share(tensor), path)
        if tensor.requires_grad:
            described["requires_grad"] = True
        if tensor.device != CPU:
            described["device"] = str(tensor.device)
        return described

    def store(self, kind: str, array: np.ndarray, original: Any, path: tuple) -> dict[str, Any]:
        """Put an array among the tensors of the file; returns its description."""
        name = self.free_name(path)
        described: dict[str, Any] = {kind: name}
        if array.dtype == np.complex128:  # the format lacks it: real and imaginary parts in a last dimension
            array = np.ascontiguousarray(array).reshape(*array.shape, 1).view(np.float64)
            described["complex"] = True
        # The library writes the memory as it lies, so it must be in the order of the indices, and in native byte order.
        self.tensors[name] = np.require(array, array.dtype.newbyteorder("="), ["C"]).reshape(array.shape)
        # PyTorch looks for tied weights under both of their names: memory that is shared is written twice, and noted.
        if isinstance(original, np.ndarray) and array.size:
            memory = original.ctypes.data, original.shape, original.strides, original.dtype.str
        else:
            memory = (id(original),)
        first = self.seen.setdefault(memory, (name, original))[0]
        if first != name:
            described["same_as"] = first
        return described

    def free_name(self, path: tuple) -> str:
        """The dotted path as a name that is not taken, and that UTF-8 can write."""
        wanted = ".".join(map(str, path)) if path else "tensor"
        wanted = name = wanted.encode("utf-8", "backslashreplace").decode()
        count = 1
        while name in self.tensors or name == "__metadata__":
            count += 1
            name = f"{wanted}~{count}"
        return name


def refusal(value: Any, path: tuple) -> str:
    """Why something cannot be saved, and what to save instead."""
    got = f"expected tensors, numbers, strings, None, and dicts, lists and tuples of them, got {type(value).__name__}{at(path)}"
    if hasattr(value, "state_dict"):
        return f"{got}; save its state_dict()"
    if hasattr(value, "get_state"):
        return f"{got}; save its get_state()"
    return f"{got}; files hold data only, no objects: save what it can be made from again"


def at(path: tuple) -> str:
    """`` at model.0`` in an error message."""
    return f" at {'.'.join(map(str, path))!r}" if path else ""


# ---- loading -----------------------------------------------------------------------------------------------------


def load(f: Any, map_location: Any = None, *, weights_only: bool | None = None, mmap: bool | None = None) -> Any:
    """Read what `save` has written, or a safetensors file from elsewhere (as a dict of its tensors).

    Args:
        f: path, or a binary file open for reading.
        map_location: where tensors go: a device, a dict ``{"cuda:0": "cpu"}``, or a function ``(tensor, device) → tensor``.
            Default: where they were when they were saved.
        weights_only: for PyTorch's sake; no file can run code here.
        mmap: for PyTorch's sake; the file is always read into memory.

    Raises:
        FormatError: the file is cut off, damaged, or of another format.

    >>> import autograd as ag, tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
    ...     save({"weight": ag.ones(2)}, file.name)
    ...     load(file.name)
    {'weight': tensor([1., 1.])}
    """
    if hasattr(f, "read"):
        content = f.read()
        return read(io.BytesIO(content), len(content), map_location)
    with open(f, "rb") as file:
        return read(file, os.fstat(file.fileno()).st_size, map_location)


def read(file: BinaryIO, size: int, map_location: Any = None) -> Any:
    """The value in an open file of so many bytes."""
    header, start = read_header(file, size)
    metadata = header.pop("__metadata__", {})
    check_metadata(metadata)
    arrays = read_arrays(file, start, check_layout(header, size - start))
    unpacker = Unpacker(arrays, map_location)
    if KEY not in metadata:
        return {name: unpacker.place(wrap(array), CPU) for name, array in arrays.items()}
    described = parse(metadata[KEY], "the structure")
    if not isinstance(described, dict) or described.keys() != {"version", "value"} or described["version"] != 1:
        raise FormatError("expected a structure of version 1, got another; was the file written by a newer gradloom?")
    value = unpacker.unpack(described["value"], 0)
    if unused := arrays.keys() - unpacker.used:
        raise FormatError(f"the file has a tensor {min(unused)!r} that its structure does not mention")
    return value


class Unpacker:
    """Builds the value that a `Packer` has described."""

    def __init__(self, arrays: dict[str, np.ndarray], map_location: Any = None):
        self.arrays, self.map_location = arrays, map_location
        self.used: set[str] = set()
        self.made: dict[tuple, Tensor] = {}

    def unpack(self, described: Any, depth: int) -> Any:
        """The value of a description."""
        if depth > MAX_DEPTH:
            raise FormatError(f"the structure is nested more than {MAX_DEPTH} deep")
        if described is None or isinstance(described, (bool, int, float, str)):
            return described
        if isinstance(described, list):
            return [self.unpack(item, depth + 1) for item in described]
        kind = next(iter(described), "")
        content = described.get(kind)
        if kind in ("tensor", "array", "scalar"):
            return self.tensor(described) if kind == "tensor" else self.array(kind, described)
        if len(described) != 1:
            raise unknown(described)
        if kind in ("dict", "OrderedDict"):
            return self.mapping(OrderedDict if kind == "OrderedDict" else dict, content, depth + 1)
        if kind in ("tuple", "Size") and isinstance(content, list):
            return (Size if kind == "Size" else tuple)(self.unpack(content, depth + 1))
        if kind == "complex" and isinstance(content, list) and len(content) == 2:
            real, imag = self.unpack(content, depth + 1)
            if type(real) is type(imag) is float:
                return complex(real, imag)
        if isinstance(content, str):
            if kind == "float" and content in ("nan", "inf", "-inf"):
                return float(content)
            if kind == "dtype" and content in KNOWN_DTYPES:
                return np.dtype(content)
            if kind == "device":
                return a_device(content)
        raise unknown(described)

    def mapping(self, kind: type, content: Any, depth: int) -> Any:
        """A dict from its list of pairs."""
        if not isinstance(content, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in content):
            raise FormatError(f"expected a dict as a list of pairs, got {shortened(content)}")
        try:
            made = kind((self.unpack(key, depth), self.unpack(value, depth)) for key, value in content)
        except TypeError:
            raise FormatError("the structure has a dict with a list or a dict as a key") from None
        if len(made) != len(content):
            raise FormatError("the structure has a dict with a key twice")
        return made

    def named(self, name: Any) -> np.ndarray:
        if not isinstance(name, str) or name not in self.arrays:
            raise FormatError(f"the structure mentions a tensor {shortened(name)} that is not in the file")
        self.used.add(name)
        return self.arrays[name]

    def array(self, kind: str, described: dict[str, Any]) -> Any:
        """The array of a description, or the one whose memory it shares."""
        if not described.keys() <= {kind, "complex", "same_as", "requires_grad", "device"}:
            raise unknown(described)
        array = self.named(described[kind])
        if "same_as" in described:
            first = self.named(described["same_as"])
            if first.shape != array.shape or first.dtype != array.dtype or first.tobytes() != array.tobytes():
                raise FormatError(f"tensors that are said to share memory differ: {shortened(described)}")
            array = first
        if described.get("complex"):
            if array.dtype != np.float64 or array.shape[-1:] != (2,):
                raise FormatError(
                    f"expected float64 with a last dimension of 2 for complex128 in {shortened(described)}"
                )
            array = array.view(np.complex128)[..., 0]
        if kind == "scalar" and array.ndim:
            raise FormatError(f"expected a number of no dimensions in {shortened(described)}, got {array.ndim}")
        return array[()] if kind == "scalar" else array

    def tensor(self, described: dict[str, Any]) -> Tensor:
        """The tensor of a description; the same one for the same memory."""
        array = self.array("tensor", described)
        place, requires_grad = described.get("device"), described.get("requires_grad", False)
        if not isinstance(requires_grad, bool) or (requires_grad and array.dtype.kind not in "fc"):
            raise unknown(described)
        if not (place is None or isinstance(place, str)):
            raise unknown(described)
        key = described.get("same_as", described["tensor"]), place, requires_grad
        if key not in self.made:
            self.made[key] = self.place(wrap(array), CPU if place is None else a_device(place))
            if requires_grad:
                self.made[key].requires_grad = True
        return self.made[key]

    def place(self, tensor: Tensor, saved: device) -> Tensor:
        """A tensor on the device it is to be on."""
        target = self.map_location
        if isinstance(target, dict):
            target = target.get(str(saved), saved)
        elif callable(target):
            moved: Any = target(tensor, str(saved))
            return tensor if moved is None else moved
        return tensor.to(saved if target is None else device(target))


KNOWN_DTYPES = {*DTYPES.values(), "complex128"}


def unknown(described: Any) -> FormatError:
    """The error for a description of what this library does not save."""
    return FormatError(f"the structure has {shortened(described)}, which is nothing that can be saved")


def a_device(name: str) -> device:
    """The device of that name; a FormatError where there is none such."""
    try:
        return device(name)
    except RuntimeError as error:
        raise FormatError(f"the structure names no device: {error}") from None
