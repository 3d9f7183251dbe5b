"""The memory of arrays: where it begins, and what the C library does with it."""

from __future__ import annotations

import math
import os
import sys
import threading
from ctypes import addressof, c_char
from pickle import PickleBuffer
from typing import Any

import numpy as np

__all__ = ["at_a_line", "copied_to_a_line", "keep_freed_memory", "scratch"]

LINE = 64  # bytes of a cache line, and of the widest vectors

TRIM, MAP = -1, -3  # mallopt's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
KEPT = 256 << 20  # bytes of freed memory that stay with the process


def keep_freed_memory() -> bool:
    """Let freed memory, up to 256 MB, be used again instead of going back to the system after each training step.

    Each step frees its graph and asks for as much again; memory fresh from the system is handed out, and filled with
    zeros, page by page when first touched: a quarter of an LSTM's training step.  This is for glibc; where the
    environment has settings of its own (MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES) nothing is changed.

    Returns:
        Whether anything was changed.
    """
    if not sys.platform.startswith("linux") or any(n.startswith(("MALLOC_", "GLIBC_TUNABLES")) for n in os.environ):
        return False
    try:
        import ctypes

        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - other libraries have a mallopt that does nothing
        return bool(library.mallopt(MAP, 32 << 20) and library.mallopt(TRIM, KEPT))
    except (ImportError, OSError, AttributeError):
        return False


def at_a_line(like: Any, shape: tuple[int, ...]) -> Any:
    """An empty array in C order that begins where a cache line does, as arrays of NumPy do by chance.

    Elsewhere each vector is in two lines: NumPy writes results up to half as fast, and BLAS takes a quarter longer to
    multiply with such a matrix.
    """
    if type(like) is not np.ndarray:
        return np.empty_like(like, shape=shape, order="C")
    dtype = like.dtype
    memory: Any = np.empty(math.prod(shape) * dtype.itemsize + LINE, np.uint8)
    buffer: Any = PickleBuffer(memory)  # so that the array is no view of another one
    return np.ndarray(shape, dtype, buffer, -addressof(c_char.from_buffer(memory)) % LINE)


def copied_to_a_line(x: Any) -> Any:
    """A copy in C order that begins where a cache line does."""
    out = at_a_line(x, x.shape)
    out[...] = x
    return out


class Scratch(threading.local):
    """Memory that each thread keeps for what it needs within a job: warm in its core's cache, where what malloc finds is not."""

    MOST = 32  # names

    def __init__(self) -> None:
        self.kept: dict[tuple, np.ndarray] = {}

    def flat(self, dtype: np.dtype, name: Any, size: int) -> np.ndarray:
        """So many numbers, which hold anything; they are this thread's until it asks for that name again."""
        memory = self.kept.get((dtype, name))
        if memory is None or memory.size < size:
            memory = self.kept[dtype, name] = at_a_line(np.empty(0, dtype), (size,))
            if len(self.kept) > self.MOST:
                del self.kept[next(iter(self.kept))]
        return memory[:size]

    def __call__(self, like: Any, name: Any, shape: tuple[int, ...]) -> Any:
        """The same as an array of that shape."""
        if type(like) is not np.ndarray:
            return at_a_line(like, shape)
        return self.flat(like.dtype, name, math.prod(shape)).reshape(shape)

    def zeros(self, like: Any, name: Any, shape: tuple[int, ...]) -> Any:
        """The same, with zeros wherever nobody who gave that name and shape has written."""
        known = type(like) is np.ndarray and (like.dtype, (name, shape)) in self.kept
        out = self(like, (name, shape), shape)
        if not known:
            out[...] = 0
        return out


scratch = Scratch()
