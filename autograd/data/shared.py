"""Memory that two processes share, and how an object travels in it.

Objects are pickled, with every array left out of the pickle (protocol 5) and copied beside it: the
receiver copies the arrays once, into memory of its own, and the slot is free for the next batch.
Both ends are processes of one program; nothing is ever unpickled that came from elsewhere.
"""

from __future__ import annotations

import copyreg
import io
import mmap
import os
import pickle
import struct
import tempfile
from collections import ChainMap
from multiprocessing import context, reduction
from typing import Any

from autograd.tensor import Tensor, share, wrap

__all__ = ["Slot", "pack", "unpack"]

_HEADER = 64  # bytes before the contents: the position in the batch, alone in its cache line
_ALIGN = 64
_FIXED = 1 << 26  # bytes of a slot that cannot grow; only the part that is written takes memory


class Slot:
    """A piece of memory that a worker inherits; it grows as the batches do.

    There is no name in any file system that could outlive the processes. Memory is asked for
    before it is written, so a machine that is short of it gives an OSError and no SIGBUS.

    Attributes:
        position: its first element is set by the worker at every sample that it reads, and is
            still there to tell where a worker was that died.
    """

    fd: int | None = None
    tag: str | None = None

    def __init__(self) -> None:
        if os.name == "nt":
            self.tag = f"gradloom-{os.getpid()}-{os.urandom(8).hex()}"
        elif hasattr(os, "memfd_create"):
            self.fd = os.memfd_create("gradloom")
        else:
            with tempfile.TemporaryFile() as file:
                self.fd = os.dup(file.fileno())
        self._map(mmap.PAGESIZE)

    def _map(self, size: int) -> None:
        """Make the slot ``size`` bytes long, or look at as much of it as the other end has made."""
        if self.fd is None:
            memory = mmap.mmap(-1, _FIXED, tagname=self.tag)  # type: ignore[call-arg]
        else:
            if os.fstat(self.fd).st_size < size:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(self.fd, 0, size)
                else:
                    os.ftruncate(self.fd, size)
            memory = mmap.mmap(self.fd, size)
        self.memory = memoryview(memory)
        self.position = self.memory[:8].cast("q")

    def room(self, size: int) -> memoryview | None:
        """The first ``size`` bytes for contents, or None where it cannot have as many."""
        if len(self.memory) < size + _HEADER:
            if self.fd is None:
                return None
            try:
                # A quarter more than needed: batches of texts differ a little in size.
                self._map(-(-(size + size // 4 + _HEADER) // mmap.PAGESIZE) * mmap.PAGESIZE)
            except OSError:
                return None
        return self.memory[_HEADER : _HEADER + size]

    def contents(self, size: int) -> memoryview:
        """The first ``size`` bytes that the other end has written."""
        if len(self.memory) < size + _HEADER and self.fd is not None:
            self._map(os.fstat(self.fd).st_size)
        return self.memory[_HEADER : _HEADER + size]

    def close(self) -> None:
        """Give the memory back; the slot is of no use afterwards."""
        self.memory = self.position = memoryview(b"")
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def __del__(self) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        # Only a process that is being started can inherit a file descriptor.
        context.assert_spawning(self)
        fd = None if self.fd is None else reduction.DupFd(self.fd)  # type: ignore[attr-defined]
        return {"fd": fd, "tag": self.tag}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.fd = None if state["fd"] is None else state["fd"].detach()
        self.tag = state["tag"]
        self._map(mmap.PAGESIZE)


def _tensor(array: Any, needs_grad: bool) -> Tensor:
    tensor = wrap(array)
    tensor.needs_grad = needs_grad
    return tensor


def _reduce_tensor(tensor: Tensor) -> tuple:
    # The short way for what nearly every batch is made of.
    if tensor.grad_fn is None and tensor.is_cpu and not tensor.__dict__:
        return _tensor, (share(tensor), tensor.needs_grad)
    if tensor.grad_fn is not None:
        raise RuntimeError(
            "a worker cannot hand over a tensor that is the result of recorded operations: "
            "return tensor.detach(), or compute under autograd.no_grad()"
        )
    return tensor.__reduce_ex__(pickle.HIGHEST_PROTOCOL)  # type: ignore[return-value]


_REDUCERS: Any = ChainMap({Tensor: _reduce_tensor}, copyreg.dispatch_table)  # type: ignore[arg-type]


def pack(value: Any, slot: Slot) -> tuple[int, bytes | None]:
    """Write an object into a slot.

    Returns:
        The bytes that it takes, and None; or, where the slot cannot hold it, those bytes
        themselves to be sent some other way.
    """
    stream, buffers = io.BytesIO(), []
    pickler = pickle.Pickler(stream, protocol=5, buffer_callback=buffers.append)
    pickler.dispatch_table = _REDUCERS  # type: ignore[assignment]
    pickler.dump(value)
    parts = [stream.getbuffer(), *(buffer.raw() for buffer in buffers)]
    sizes = [part.nbytes for part in parts]
    table = struct.pack(f"<q{len(sizes)}q", len(sizes), *sizes)
    total = _places(len(table), sizes)[-1]
    room = slot.room(total)
    inline = bytearray(total) if room is None else None
    target = memoryview(inline) if inline is not None else room
    assert target is not None
    target[: len(table)] = table
    for part, start in zip(parts, _places(len(table), sizes), strict=False):
        target[start : start + part.nbytes] = part
    return total, None if inline is None else bytes(inline)


def unpack(source: memoryview | bytes) -> Any:
    """The object that `pack` wrote, in memory of its own."""
    source = memoryview(source)
    (count,) = struct.unpack_from("<q", source)
    sizes = struct.unpack_from(f"<{count}q", source, 8)
    places = _places(8 + 8 * count, sizes)
    first, *rest = (source[start : start + size] for start, size in zip(places, sizes, strict=False))
    return pickle.loads(first, buffers=[bytearray(part) for part in rest])


def _places(start: int, sizes: Any) -> list[int]:
    """Where each part begins, and where the next would."""
    places = []
    for size in sizes:
        start = -(-start // _ALIGN) * _ALIGN
        places.append(start)
        start += size
    return [*places, start]
