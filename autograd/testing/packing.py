"""Several arrays seen as one real vector, and back, with names for its entries.

Complex arrays become pairs of reals, so that the numerics know real vectors only. With the inner
product Re(sum(conj(a) * b)) this is PyTorch's convention for complex gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["Layout", "Slot", "eps_of", "flatten", "is_inexact", "norm", "unflatten"]


@dataclass(frozen=True)
class Slot:
    """One array's place in the vector: its name, shape, dtype and first entry."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    start: int

    @property
    def is_complex(self) -> bool:
        return self.dtype.kind == "c"

    @cached_property
    def size(self) -> int:
        """Number of real entries."""
        return math.prod(self.shape) * (2 if self.is_complex else 1)

    @property
    def stop(self) -> int:
        return self.start + self.size

    def element(self, entry: int) -> tuple[int, ...]:
        """Index into the array of an entry of the vector."""
        flat = (entry - self.start) // (2 if self.is_complex else 1)
        return tuple(int(i) for i in np.unravel_index(flat, self.shape)) if self.shape else ()

    def spell(self, entry: int) -> str:
        """Spell an entry for people: `x[1, 2]`, `z[0].imag`."""
        index = self.element(entry)
        part = (".imag" if (entry - self.start) % 2 else ".real") if self.is_complex else ""
        return f"{self.name}[{', '.join(map(str, index))}]{part}" if index else self.name + part


class Layout:
    """How named arrays lie in one float64 vector."""

    def __init__(self, names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
        self.slots: list[Slot] = []
        start = 0
        for name, array in zip(names, arrays, strict=True):
            slot = Slot(name, array.shape, array.dtype, start)
            self.slots.append(slot)
            start = slot.stop
        self.size = start

    def pack(self, arrays: Sequence[Any]) -> np.ndarray:
        """Copy arrays (None counts as zeros) into one vector."""
        vector = np.zeros(self.size)
        for slot, array in zip(self.slots, arrays, strict=True):
            if array is not None:
                vector[slot.start : slot.stop] = _as_reals(array, slot)
        return vector

    def unpack(self, vector: np.ndarray, dtypes: Sequence[np.dtype] | None = None) -> list[Any]:
        """Copy the vector's parts out as arrays of the slots' (or the given) dtypes."""
        arrays = []
        for number, slot in enumerate(self.slots):
            part = vector[slot.start : slot.stop]
            if slot.is_complex and part.dtype.kind != "c":
                part = part.copy().view(np.complex128)
            dtype = slot.dtype if dtypes is None else dtypes[number]
            arrays.append(part.reshape(slot.shape).astype(dtype))
        return arrays

    def slot_of(self, entry: int) -> Slot:
        return next(slot for slot in self.slots if slot.start <= entry < slot.stop)


def _as_reals(array: Any, slot: Slot) -> np.ndarray:
    array = np.asarray(array)
    if slot.is_complex:
        return np.ascontiguousarray(array, np.complex128).reshape(-1).view(np.float64)
    return array.real.reshape(-1)


def is_inexact(dtype: Any) -> bool:
    """True for real and complex floating dtypes."""
    return np.dtype(dtype).kind in "fc"


def eps_of(dtype: Any) -> float:
    """Relative rounding error of a floating dtype."""
    kind: Any = np.dtype(dtype)
    return float(np.finfo(kind).eps)


def norm(vector: np.ndarray) -> float:
    """The Euclidean norm, without overflow on the way."""
    largest = float(np.max(np.abs(vector), initial=0.0))
    return largest * float(np.linalg.norm(vector / largest)) if 0 < largest < np.inf else largest


def flatten(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Walk nested tuples, lists and dicts, yielding each leaf with its spelled path."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from flatten(value, f"{name}[{key!r}]")
    elif isinstance(tree, tuple | list):
        for number, value in enumerate(tree):
            yield from flatten(value, f"{name}[{number}]")
    else:
        yield name, tree


def unflatten(tree: Any, leaves: Iterator[Any]) -> Any:
    """Rebuild a tree of the same form from leaves in `flatten`'s order."""
    if isinstance(tree, dict):
        return {key: unflatten(value, leaves) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        items = [unflatten(value, leaves) for value in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return next(leaves)
