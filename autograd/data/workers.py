"""Batches made by worker processes.

A worker is given a batch's number and indices, makes the batch, and answers. Two things pass
between it and the main process: short fixed-size notes through a socket, and everything else
through a slot of shared memory that belongs to the batch until it has been taken out. A socket that
only carries notes never fills up, so neither end can block the other; and a worker that dies
closes it, which wakes whoever waits.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import struct
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from typing import Any, NoReturn

from autograd.data.fetch import Fetcher, place
from autograd.data.randomness import random_seed, seed_everything
from autograd.data.shared import Slot, pack, unpack
from autograd.random import default_generator

__all__ = ["WorkerInfo", "WorkerIterator", "get_worker_info"]

_TASK = struct.Struct("<5q")  # epoch, its seed, the batch, the slot, bytes of its indices
_ANSWER = struct.Struct("<4q")  # the batch, what it is, bytes, 1 if they follow
_BATCH, _ERROR, _END = range(3)
_CHECK = 5.0  # seconds between looks at whether a silent worker still lives
_GRACE = 1.0  # seconds that a worker has to finish a sample before it is stopped

_info: WorkerInfo | None = None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker process knows of itself.

    Attributes:
        id: which worker it is, from 0.
        num_workers: how many there are.
        seed: the seed that its loader's first epoch gave it.
        dataset: its own copy of the dataset.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


def get_worker_info() -> WorkerInfo | None:
    """Which DataLoader worker this process is, or None in the main process."""
    return _info


# ---- in the worker ----------------------------------------------------------------------------


def _work(info: WorkerInfo, fetcher: Fetcher, init_fn: Any, link: connection.Connection, slots: list[Slot]) -> None:
    """A worker's life: until it is told to stop, or the main process is gone."""
    _begin(info)
    failure = _run_init(init_fn, info)
    epoch = 0
    while note := _hear(link):
        task_epoch, seed, batch, which, size = _TASK.unpack(note)
        slot = slots[which]
        indices = unpack(slot.contents(size))
        if task_epoch != epoch:
            epoch = task_epoch
            fetcher.restart()
        fetcher.position = slot.position
        kind, value = failure or _make(fetcher, seed, batch, indices)
        try:
            size, inline = pack(value, slot)
        except Exception as error:
            kind = _ERROR
            size, inline = pack(_described(error, f"sending batch {batch}"), slot)
        try:
            link.send_bytes(_ANSWER.pack(batch, kind, size, inline is not None))
            if inline is not None:
                link.send_bytes(inline)
        except OSError:
            return  # nobody listens any more
        del value, inline  # a batch need not outlive its sending


def _begin(info: WorkerInfo) -> None:
    global _info
    _info = info
    # Ctrl-C goes to every process of the terminal, and the main one decides what it means: it may
    # finish its step first. A handler, unlike SIG_IGN, is not passed on to programs that are run
    # here. Those of the main program, which a forked worker inherits, are not for workers.
    signal.signal(signal.SIGINT, lambda *_: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # see `_uninterrupted`
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # Each batch has a stream of its own; this is for what worker_init_fn draws.
    seed_everything(info.seed, info.id)
    default_generator.manual_seed(info.seed)


def _leave_with_parent() -> None:
    parent, pid = multiprocessing.parent_process(), os.getppid()
    while parent is not None and parent.is_alive() and os.getppid() == pid:
        parent.join(1.0)
    os._exit(1)


def _hear(link: connection.Connection) -> bytes:
    try:
        return link.recv_bytes()
    except (EOFError, OSError):
        return b""


def _run_init(init_fn: Any, info: WorkerInfo) -> tuple[int, Any] | None:
    try:
        if init_fn is not None:
            init_fn(info.id)
    except Exception as error:
        return _ERROR, _described(error, "in worker_init_fn")
    return None


def _make(fetcher: Fetcher, seed: int, batch: int, indices: Any) -> tuple[int, Any]:
    try:
        return _BATCH, fetcher.fetch(indices, seed, batch)
    except StopIteration:
        return _END, None
    except Exception as error:
        position = int(fetcher.position[0])
        where = place(fetcher.dataset, fetcher.batched, indices, position, batch)
        return _ERROR, _described(error, f"at {where}")


def _described(error: Exception, where: str) -> tuple[type[Exception], str]:
    """The kind of an error and its text, which can travel; the error itself often cannot."""
    worker = "" if _info is None else f"in DataLoader worker process {_info.id}, "
    trace = "".join(traceback.format_exception(error))
    kind = type(error)
    try:
        pickle.dumps(kind)
    except Exception:
        kind = RuntimeError  # a class that was made inside a function
    return kind, f"Caught {type(error).__name__} {worker}{where}.\nOriginal {trace}"


# ---- in the main process ----------------------------------------------------------------------


class _Message(str):
    """KeyError shows the repr of its message, which would put a traceback on one line."""

    __repr__ = str.__str__


def _raise(kind: type[Exception], message: str) -> NoReturn:
    try:
        error = kind(_Message(message))
    except Exception:
        error = RuntimeError(message)  # its constructor wants other arguments
    raise error


@contextmanager
def _uninterrupted(start: Any) -> Iterator[None]:
    """Inside, Ctrl-C waits, for us and for a worker that starts: it would end one that has not come to `_begin`."""
    # The process from which "forkserver" forks would hand that on to others that it starts.
    if not hasattr(signal, "pthread_sigmask") or start.get_start_method() == "forkserver":
        yield
        return
    resource_tracker.ensure_running()  # "spawn" would start it now, which lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """A worker as the main process sees it."""

    def __init__(self, start: Any, info: WorkerInfo, fetcher: Fetcher, init_fn: Any, slots: int):
        self.id = info.id
        self.slots = [Slot() for _ in range(slots)]
        self.link, theirs = start.Pipe()
        self.process = start.Process(
            target=_work,
            args=(info, fetcher, init_fn, theirs, self.slots),
            name=f"DataLoader worker {info.id}",
            daemon=True,
        )
        try:
            with _uninterrupted(start):
                self.process.start()
        finally:
            theirs.close()  # so that the worker's death closes the connection
        self.begin_epoch()

    def begin_epoch(self) -> None:
        self.free = list(range(len(self.slots)))
        self.ended = False

    def stop(self) -> None:
        """Tell it to go; `join` waits until it has."""
        with suppress(OSError):
            self.link.send_bytes(b"")
        self.link.close()

    def join(self, deadline: float) -> None:
        self.process.join(max(0.0, deadline - time.monotonic()))
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(_GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        for slot in self.slots:
            slot.close()


def _stop_all(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.stop()
    deadline = time.monotonic() + _GRACE
    for worker in workers:
        worker.join(deadline)
    workers.clear()


@dataclass(slots=True)
class _Task:
    batch: int
    worker: _Worker
    slot: int
    indices: Any


class WorkerIterator:
    """Iterates over a DataLoader's batches while its workers make the next ones."""

    def __init__(self, loader: Any) -> None:
        # A copy: a loader that keeps its workers keeps this iterator, and a cycle would keep both.
        self._loader = copy.copy(loader)
        self._workers: list[_Worker] = []
        self._tasks: deque[_Task] = deque()
        self._epoch = 0
        # Runs when the iterator is dropped, and at the latest when the interpreter exits.
        self._close = weakref.finalize(self, _stop_all, self._workers)
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Start from the beginning, with the workers that there are."""
        loader = self._loader
        if not all(worker.process.is_alive() for worker in self._workers):
            self.close()  # one that has died is replaced
        self._discard()
        self._seed = random_seed(loader.generator)
        self._epoch += 1
        if not self._workers:
            self._start()
        for worker in self._workers:
            worker.begin_epoch()
        self._turn = 0
        self._sent = 0
        self._indices = enumerate(loader._index_sampler)
        self._fill()

    def _start(self) -> None:
        loader = self._loader
        start = loader.multiprocessing_context or multiprocessing
        fetcher = loader._fetcher()
        for i in range(loader.num_workers):
            info = WorkerInfo(i, loader.num_workers, (self._seed + i) % 2**63, loader.dataset)
            self._workers.append(_Worker(start, info, fetcher, loader.worker_init_fn, loader.prefetch_factor))

    def __iter__(self) -> WorkerIterator:
        return self

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __next__(self) -> Any:
        while self._tasks:
            try:
                kind, value = self._receive(self._next_task())
            except BaseException:
                self.close()
                raise
            self._fill()
            if kind == _BATCH:
                return value
            if kind == _ERROR:
                del self  # the traceback, which may be kept for long, must not keep the workers
                _raise(*value)
        if not self._loader.persistent_workers:
            self.close()
        raise StopIteration

    def close(self) -> None:
        """Stop the workers; the iterator has nothing more to give."""
        self._tasks.clear()
        _stop_all(self._workers)

    def _fill(self) -> None:
        """Give the workers what they have room for."""
        while (worker := self._free_worker()) is not None:
            batch, indices = next(self._indices, (None, None))
            if batch is None:
                return
            self._send(_Task(batch, worker, worker.free.pop(), indices))

    def _free_worker(self) -> _Worker | None:
        """The one whose turn it is, once it has room; out of order, the one with the most room."""
        active = [worker for worker in self._workers if not worker.ended]
        if not active:
            return None
        if not self._loader.in_order:
            worker = max(active, key=lambda worker: len(worker.free))
        else:
            while self._workers[self._turn % len(self._workers)].ended:
                self._turn += 1
            worker = self._workers[self._turn % len(self._workers)]
        if not worker.free:
            return None
        self._turn += 1
        return worker

    def _send(self, task: _Task) -> None:
        worker = task.worker
        size, inline = pack(task.indices, worker.slots[task.slot])
        if inline is not None:
            # Through the socket they could wait for a worker that waits for us to read its batch.
            raise MemoryError(
                f"the indices of batch {task.batch} need {size} bytes of shared memory, and there are none"
            )
        # A worker that has died is reported when its answer is waited for.
        with suppress(OSError):
            worker.link.send_bytes(_TASK.pack(self._epoch, self._seed, task.batch, task.slot, size))
        self._tasks.append(task)

    def _next_task(self) -> _Task:
        """The oldest one; out of order, the oldest one of a worker that has answered."""
        if self._loader.in_order or len(self._tasks) == 1:
            return self._tasks[0]
        links = {task.worker.link for task in self._tasks}
        ready = connection.wait(links, self._loader.timeout or None)
        return next((task for task in self._tasks if task.worker.link in ready), self._tasks[0])

    def _receive(self, task: _Task) -> tuple[int, Any]:
        """A worker's answer to a task, which is then done with."""
        self._wait(task)
        worker, slot = task.worker, task.worker.slots[task.slot]
        try:
            _, kind, size, follows = _ANSWER.unpack(worker.link.recv_bytes())
            content = worker.link.recv_bytes() if follows else slot.contents(size)
        except (EOFError, OSError):
            self._report_death(task)
        value = unpack(content)
        self._tasks.remove(task)
        worker.free.append(task.slot)
        worker.ended = worker.ended or kind == _END
        return kind, value

    def _wait(self, task: _Task) -> None:
        worker, timeout = task.worker, self._loader.timeout
        deadline = time.monotonic() + timeout if timeout else float("inf")
        while not worker.link.poll(min(_CHECK, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                raise RuntimeError(
                    f"DataLoader timed out after {timeout} seconds, while worker {worker.id} was at {self._place(task)}"
                )
            # Its end of the connection may have been inherited by a process that it started.
            if not worker.process.is_alive() and not worker.link.poll(0):
                self._report_death(task)

    def _report_death(self, task: _Task) -> NoReturn:
        process = task.worker.process
        process.join(_CHECK)  # its connection is closed a moment before it is gone
        code = process.exitcode
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"killed by {signal.Signals(-code).name}"
        raise RuntimeError(
            f"DataLoader worker (pid(s) {process.pid}) exited unexpectedly ({how}) at {self._place(task)}"
        )

    def _place(self, task: _Task) -> str:
        loader = self._loader
        position = int(task.worker.slots[task.slot].position[0])
        return place(loader.dataset, loader._auto_collation, task.indices, position, task.batch)

    def _discard(self) -> None:
        """Wait for what an abandoned epoch still has under way."""
        try:
            while self._tasks:
                self._receive(self._tasks[0])
        except RuntimeError:
            self.close()
