"""NumPy on several threads: it lets other threads run while it computes, but uses one itself for all except matrix products.

Large work is cut into jobs that each stay in a core's cache, and `shared` among the threads.  Meanwhile NumPy's BLAS uses
one thread per product: its own threads wait for work by spinning, and would take the cores away from ours.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["BLOCK", "blocks", "by_blocks", "each_job", "get_num_threads", "one_blas_thread", "parts", "shared"]

BLOCK = 1 << 17  # elements at a time: with more they leave the cache, with fewer threads wait for the interpreter
SHARED = 1 << 16  # elements: more are shared; waking a thread takes as long as a few operations on so many

wanted: int | None = None  # None: as many as the machine and OMP_NUM_THREADS allow
_workers: list[Worker] = []
_free = threading.Lock()  # held while the workers work


def get_num_threads() -> int:
    """How many threads compute: those of the compiled kernels, and those that share NumPy's work."""
    return wanted or _default_threads()


@functools.cache
def _default_threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(os.environ.get("OMP_NUM_THREADS", "").partition(",")[0] or 0) or cores


class Worker:
    """A thread that waits for something to do."""

    work: Callable

    def __init__(self) -> None:
        self.begin, self.end = threading.Lock(), threading.Lock()
        self.begin.acquire()
        self.end.acquire()
        threading.Thread(target=self.live, name="autograd", daemon=True).start()

    def live(self) -> None:
        while True:
            self.begin.acquire()
            self.work()
            del self.work  # and what it holds: memory that is to be free, or nobody else's
            self.end.release()


def shared(work: Callable, jobs: Sequence) -> None:
    """Call `work` with each of the jobs, on several threads at once; silent about infinities, like a compiled loop."""
    helpers = min(get_num_threads(), len(jobs)) - 1
    if helpers < 1 or not _free.acquire(blocking=False):  # nothing to share, or inside other shared work
        with np.errstate(all="ignore"), one_blas_thread():
            for job in jobs:
                work(job)
        return
    remaining, errors = iter(jobs), []

    def run() -> None:
        try:
            with np.errstate(all="ignore"):
                for job in remaining:
                    work(job)
        except BaseException as error:
            errors.append(error)

    try:
        with one_blas_thread():
            while len(_workers) < helpers:
                _workers.append(Worker())
            for worker in _workers[:helpers]:
                worker.work = run
                worker.begin.release()
            run()
            for worker in _workers[:helpers]:
                worker.end.acquire()
    except BaseException:  # interrupted while waiting: these go on by themselves
        _workers.clear()
        raise
    finally:
        _free.release()
    if errors:
        raise errors[0]


def each_job(work: Callable, jobs: Sequence, like: Any) -> None:
    """Call `work` with each of the jobs: on several threads at once if the arrays, which are like this one, are NumPy's."""
    if type(like) is np.ndarray:
        shared(work, jobs)
    else:
        for job in jobs:
            work(job)


def parts(size: int, count: int) -> list[slice]:
    """At most that many slices, of nearly equal length, that make up `size`; none of nothing."""
    count = max(min(count, size), 1)
    edges = [size * i // count for i in range(count + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges) if a < b]


def blocks(size: int, width: int = 1, most: int = BLOCK) -> list[slice]:
    """Slices that make up `size` things of `width` elements each: at most so many elements, and as many for each thread."""
    elements, threads = size * width, get_num_threads()
    count = -(-elements // most)
    return parts(size, count if elements <= SHARED else -(-count // threads) * threads)


def by_blocks(work: Callable, size: int, width: int = 1) -> None:
    """Call `work` with each of the `blocks`: on several threads if there are many."""
    shared(work, blocks(size, width))


# ---- BLAS --------------------------------------------------------------------------------------------------------


@functools.cache
def blas() -> tuple[Any, Any] | None:
    """How to get and to set the number of threads of NumPy's OpenBLAS; None where NumPy has another BLAS."""
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
    for name in ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads"):
        with contextlib.suppress(AttributeError):
            return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy's products stay on the thread that calls them."""
    found = blas()
    if found is None or (before := found[0]()) == 1:
        yield
        return
    found[1](1)
    try:
        yield
    finally:
        found[1](before)


def forked() -> None:
    """A child process has none of its parent's threads."""
    global _free
    _workers.clear()
    _free = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forked)
