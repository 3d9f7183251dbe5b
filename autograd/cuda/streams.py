"""Streams and events: work that a GPU does beside other work, and marks in it."""

from __future__ import annotations

from typing import Any

from ..device import cupy
from ..device import device as Device


def chosen(which: Any) -> Any:
    """CuPy's device of that number or name; None is the one in use."""
    where = Device("cuda" if which is None else which)
    if where.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {where}")
    return cupy().cuda.Device(where.index)


class Stream:
    """Work of a GPU in its order, beside that of other streams.

    Args:
        device: the GPU; None is the one in use.
        priority: lower numbers come first.

    Raises:
        RuntimeError: there is no GPU.
    """

    def __init__(self, device: Any = None, priority: int = 0):
        with chosen(device):
            self.cupy = cupy().cuda.Stream(non_blocking=True, priority=priority)

    def __enter__(self) -> Stream:
        self.cupy.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.cupy.__exit__(*exc)

    def query(self) -> bool:
        """Has all its work been done?"""
        return self.cupy.done

    def synchronize(self) -> None:
        """Wait until all its work is done."""
        self.cupy.synchronize()

    def record_event(self, event: Event | None = None) -> Event:
        """Mark the place that its work has come to."""
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """What is asked of it from now on waits for an event."""
        self.cupy.wait_event(event.cupy)

    def wait_stream(self, stream: Stream) -> None:
        """What is asked of it from now on waits for what another has been asked."""
        self.wait_event(stream.record_event())


class Event:
    """A mark in the work of a stream.

    Args:
        enable_timing: `elapsed_time` can be asked.
        blocking: whoever waits for it sleeps.

    Raises:
        RuntimeError: there is no GPU.
    """

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False):
        self.cupy = cupy().cuda.Event(blocking, not enable_timing, interprocess)

    def record(self, stream: Stream | None = None) -> None:
        """Mark the place that the work of a stream, by default the current one, has come to."""
        self.cupy.record((stream or current_stream()).cupy)

    def wait(self, stream: Stream | None = None) -> None:
        """What a stream is asked from now on waits for this event."""
        (stream or current_stream()).wait_event(self)

    def query(self) -> bool:
        """Has the work before it been done?"""
        return self.cupy.done

    def synchronize(self) -> None:
        """Wait until the work before it is done."""
        self.cupy.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """The milliseconds from this event to another."""
        return cupy().cuda.get_elapsed_time(self.cupy, end_event.cupy)


class StreamContext:
    """While it lasts, work is asked of a stream; None changes nothing: ``with cuda.stream(s):``."""

    def __init__(self, stream: Stream | None):
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self.stream.__enter__()

    def __exit__(self, *exc: object) -> None:
        if self.stream is not None:
            self.stream.__exit__(*exc)


stream = StreamContext


def _known(stream: Any) -> Stream:
    """A stream of CuPy's as one of ours."""
    made = object.__new__(Stream)
    made.cupy = stream
    return made


def current_stream(device: Any = None) -> Stream:
    """The stream of which work is asked now."""
    return _known(cupy().cuda.get_current_stream(chosen(device).id))


def default_stream(device: Any = None) -> Stream:
    """The stream of which work is asked unless another is chosen."""
    return _known(cupy().cuda.Stream.null)
