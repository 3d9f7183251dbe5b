"""`record`: note what runs, while it runs, so that also what is not on the tape can be drawn and asked about."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from time import perf_counter_ns
from types import TracebackType
from typing import Any, ClassVar

from .. import op as engine
from ..forward import bind
from ..graph import state
from ..op import Op
from ..tensor import Tensor
from ..user_code import user_line
from .capture import Event, Leaf, assemble, dtype_name, leaf_of, name_constant, saved_bytes
from .names import Names, find_names
from .numbers import argument_text, scalar_text, stats
from .structure import Graph, Node

__all__ = ["Recording", "record", "recording_of"]

_recordings: weakref.WeakSet[Recording] = weakref.WeakSet()


def _place() -> str:
    """``file.py:line`` of the user's program, or ``cell:line``."""
    line = user_line()
    if line is None:
        return ""
    file, number = line
    name = "cell" if "ipykernel_" in file or file.startswith("<ipython") else os.path.basename(file)
    return f"{name}:{number}"


class Recording:
    """What `record` noted: plain values, and weak references to tensors; it keeps no tensor alive."""

    def __init__(self, source: bool, time: bool, memory: bool, values: bool):
        self.source, self.time, self.memory, self.values = source, time, memory, values
        self.events: list[Event] = []
        self.thread = 0
        self.depth = 0  # inside an op that is made of ops, only the outer one counts
        self.by_node: dict[int, tuple[weakref.ref, Event]] = {}
        self.by_tensor: dict[int, tuple[weakref.ref, Event | Leaf]] = {}
        self.by_array: dict[int, tuple[weakref.ref, Event | Leaf]] = {}
        self.tensors: dict[Leaf, weakref.ref] = {}
        self.extra_grads: dict[int, Any] = {}  # of leaves, from a backward pass that was only for the picture
        self.inputs: dict[int, str] = {}  # names of what the model was called on
        self.passing: Event | None = None  # the op whose gradient rule is running
        self.mark = 0
        self.handles: list[Any] = []
        self.failed = False

    # ---- beginning and end ------------------------------------------------------------------------------------------

    def __enter__(self) -> Recording:
        self.thread = threading.get_ident()
        self._observer = self._observe  # one object: a bound method is a new one each time
        engine.observers.append(self._observer)
        _Detach.start(self)
        _recordings.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        engine.observers.remove(self._observer)
        _Detach.stop(self)
        for tensor_ref, handle in self.handles:
            handle.remove()
            if (tensor := tensor_ref()) is not None and not tensor.hooks:
                tensor.hooks = None
        self.handles.clear()
        if error is not None:
            self.failed = True
            if self.passing is not None and not self.passing.error and _in_backward(trace):
                self.passing.error = f"in its gradient rule, {_error_text(error)}"
        self.passing = None

    # ---- forward ----------------------------------------------------------------------------------------------------

    def _observe(self, op: Op, call: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != self.thread or self.depth:
            return call(*args, **kwargs)
        self.passing = None
        event = self._event(op, args, kwargs)
        self.depth += 1
        begin = perf_counter_ns()
        try:
            result = call(*args, **kwargs)
        except Exception as error:
            event.error = _error_text(error)
            self.failed = True
            self.events.append(event)
            raise
        finally:
            elapsed = perf_counter_ns() - begin
            self.depth -= 1
        if self.time:
            event.forward_ns = elapsed
        self.events.append(event)
        self._results(event, result)
        return result

    def _event(self, op: Op, args: tuple, kwargs: dict) -> Event:
        try:
            values = bind(op, args, {k: v for k, v in kwargs.items() if k != "out" or "out" in op.index})
        except TypeError:
            values = list(args)
        names = op.names
        if op.variadic and values:
            given, options = list(values[0]), list(zip(names[1:], values[1:], op.defaults[1:], strict=False))
        else:
            given, options = values, []
        event = Event(op.name, [], call=state.call, arguments=() if op.variadic else names)
        if self.source:
            event.source = _place()
        texts = []
        for i, value in enumerate(given):
            if isinstance(value, Tensor):
                event.inputs.append((i, self.origin(value)))
                event.from_grad |= value.needs_grad
            elif hasattr(value, "__array_ufunc__") and getattr(value, "ndim", 0):
                event.inputs.append((i, self._array_leaf(value)))
            elif not op.variadic and i < len(names):
                texts.append(argument_text(names[i], value, op.defaults[i]))
        texts += [argument_text(name, value, default) for name, value, default in options]
        event.text = ", ".join(filter(None, texts))
        return event

    def _results(self, event: Event, result: Any) -> None:
        if isinstance(result, tuple):
            event.requires_grad = any(getattr(part, "needs_grad", False) for part in result)
            for i, part in enumerate(result):
                if isinstance(part, Tensor):
                    pick = Event("output", [(0, event)], "pick", call=event.call, source=event.source, text=str(i))
                    self.events.append(pick)
                    self._describe(pick, part)
            owner = next((part.grad_fn for part in result if getattr(part, "grad_fn", None) is not None), None)
            if self.memory and owner is not None and owner.parents:
                event.saved_nbytes = saved_bytes(owner.parents[0])
        elif isinstance(result, Tensor):
            self._describe(event, result)
            if self.memory and result.grad_fn is not None:
                event.saved_nbytes = saved_bytes(result.grad_fn)
        if event.from_grad and not event.requires_grad:
            event.stop = self._reason(event)

    def _reason(self, event: Event) -> str:
        if not state.grad:
            return "no_grad"
        if event.dtype and event.dtype[0] in "biu":
            return f"{event.op} gives {event.dtype}"
        return f"{event.op} has no gradient"

    def _describe(self, event: Event, tensor: Tensor) -> None:
        array = tensor.array
        event.shape, event.dtype, event.nbytes = tuple(array.shape), dtype_name(array.dtype), int(array.nbytes)
        event.requires_grad = tensor.needs_grad
        if self.values and array.dtype.kind in "biufc":
            event.value = stats(array)
        self._remember(tensor, event)
        node = tensor.grad_fn
        if node is not None:
            if self.source and not node.source:
                node.source = event.source
            self.by_node[id(node)] = weakref.ref(node), event
            if self.values or self.time:
                node.on_gradient(lambda g: self._arrived(event, g))

    def _remember(self, tensor: Tensor, origin: Event | Leaf) -> None:
        self.by_tensor[id(tensor)] = weakref.ref(tensor), origin
        if getattr(tensor.array, "ndim", 0):
            self.by_array[id(tensor.array)] = weakref.ref(tensor.array), origin

    # ---- where tensors come from ------------------------------------------------------------------------------------

    def known(self, tensor: Tensor) -> Event | Leaf | None:
        """The event or leaf that a tensor is, if this recording has met it."""
        if tensor.grad_fn is not None:
            entry = self.by_node.get(id(tensor.grad_fn))
            if entry is not None and entry[0]() is tensor.grad_fn:
                return entry[1]
        entry = self.by_tensor.get(id(tensor))
        if (
            entry is not None
            and entry[0]() is tensor
            and not (tensor.grad_fn is not None and isinstance(entry[1], Leaf))
        ):
            return entry[1]
        return None

    def origin(self, tensor: Tensor) -> Event | Leaf:
        """The event or leaf that a tensor is; a new leaf for one that was never seen."""
        found = self.known(tensor)
        if found is not None:
            return found
        entry = self.by_array.get(id(tensor.array))
        if entry is not None and entry[0]() is tensor.array and tensor.grad_fn is None and not tensor.needs_grad:
            return self.detached(tensor, entry[1])  # .data, or a detach() of another kind
        leaf = leaf_of(tensor, Names(), self.inputs)
        self.tensors[leaf] = weakref.ref(tensor)
        self._remember(tensor, leaf)
        if self.time and tensor.needs_grad and tensor.grad_fn is None:
            self.handles.append((weakref.ref(tensor), tensor.register_hook(lambda g: self._arrived(None, g))))
        return leaf

    def detached(self, tensor: Tensor, origin: Event | Leaf) -> Event | Leaf:
        """`tensor` shares the memory of `origin` and is outside the graph."""
        if not origin.requires_grad:
            if isinstance(origin, Leaf) and (origin not in self.tensors or self.tensors[origin]() is None):
                origin.role = ""  # the user has this array as a tensor
                self.tensors[origin] = weakref.ref(tensor)
            self._remember(tensor, origin)
            return origin
        event = Event("detach", [(0, origin)], call=state.call, stop="detach")
        event.shape, event.dtype, event.nbytes = tuple(tensor.array.shape), str(tensor.array.dtype), 0
        if self.source:
            event.source = _place()
        self.events.append(event)
        self.by_tensor[id(tensor)] = weakref.ref(tensor), event
        return event

    def _array_leaf(self, array: Any) -> Event | Leaf:
        entry = self.by_array.get(id(array))
        if entry is not None and entry[0]() is array:
            return entry[1]  # the array of a tensor that is known
        leaf = Leaf(id(array), tuple(array.shape), str(array.dtype), int(array.nbytes), role="inside")
        try:
            self.by_array[id(array)] = weakref.ref(array), leaf
        except TypeError:
            leaf.text = scalar_text(array) if not array.shape else ""
        return leaf

    # ---- backward ---------------------------------------------------------------------------------------------------

    def _arrived(self, event: Event | None, g: Any) -> None:
        """A gradient has come to an op, or to a leaf; the op before is through."""
        now = perf_counter_ns()
        if self.time and self.passing is not None:
            self.passing.backward_ns = (self.passing.backward_ns or 0) + now - self.mark
        if self.values and event is not None:
            event.grad = stats(g.array)
        self.passing = event
        self.mark = perf_counter_ns()

    # ---- the result -------------------------------------------------------------------------------------------------

    def graph(self, output: Any = None, *, model: Any = None, names: Mapping[str, Any] | None = None) -> Graph:
        """What was recorded, as a `Graph`.

        Args:
            output: a Tensor or several: only what they were computed from.  None: everything, also what failed.
            model: the module whose parameter names to use; models in the caller's variables are found without.
            names: further names, such as ``locals()``.
        """
        return self._graph(output, find_names(model, names))

    def _graph(self, output: Any, found: Names) -> Graph:
        for leaf, reference in self.tensors.items():
            if (tensor := reference()) is not None:
                fresh = leaf_of(tensor, found, self.inputs)
                leaf.key, leaf.name, leaf.role = fresh.key, fresh.name, fresh.role
                leaf.value, leaf.text = fresh.value, fresh.text
                leaf.grad = fresh.grad or self.extra_grads.get(id(tensor))
                if self.values and leaf.value is None and tensor.array.dtype.kind in "biufc":
                    leaf.value = stats(tensor.array)
        for reference, origin in list(self.by_array.values()):
            array = reference()
            if array is None or isinstance(origin, Event):
                continue
            if origin not in self.tensors or self.tensors[origin]() is None:
                name_constant(origin, array, found)
        for name, tensor in found.nodes.values():
            if isinstance(event := self.known(tensor), Event) and event.kind == "op":
                event.name = name
        if output is None:
            events = self.events
            last = [e for e in events[-1:] if not e.error and not self.failed]
            return assemble(events, last, found)
        outputs = (output,) if isinstance(output, Tensor) else tuple(output)
        origins = [self.origin(tensor) for tensor in outputs]
        events = self._behind(origins)
        scalar = (
            bool(events)
            and all(e.shape == () for e in events)
            and all(source.shape == () for e in events for _, source in e.inputs)
        )
        return assemble(events, origins, found, scalar=scalar)

    def _behind(self, origins: list[Event | Leaf]) -> list[Event]:
        """The events that `origins` depend on, in the order they ran."""
        waiting: list[Event | Leaf] = list(origins)
        needed = set(waiting)
        while waiting:
            event = waiting.pop()
            if isinstance(event, Event):
                for _, source in event.inputs:
                    if source not in needed:
                        needed.add(source)
                        waiting.append(source)
        return [event for event in self.events if event in needed]

    def why_no_grad(self, name: str) -> str:
        """`Graph.why_no_grad` on everything that was recorded."""
        return self._graph(None, find_names()).why_no_grad(name)

    def first_bad(self) -> Node | None:
        """`Graph.first_bad` on everything that was recorded."""
        return self._graph(None, find_names()).first_bad()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .drawing import graph

        return graph(self)._repr_mimebundle_(include, exclude)


def record(source: bool = True, time: bool = True, memory: bool = True, values: bool = True) -> Recording:
    """Note every op that runs in a ``with`` block, in the thread that entered it, for pictures, tables and questions.

    Args:
        source: the user's file and line of each op.
        time: how long each op took, forward and (if it runs inside the block too) backward.
        memory: the bytes each op keeps for the backward pass.
        values: statistics of each result, and of each gradient when a backward pass comes by.

    Returns:
        The recording.  If something raises inside the block, what ran until then is still there to draw.

    >>> import autograd as ag
    >>> from autograd import draw
    >>> x = ag.tensor([1.0, -2.0], requires_grad=True)
    >>> with draw.record() as rec:
    ...     loss = (x * x).detach().sum()
    >>> [(node.op, node.stop) for node in rec.graph(loss) if node.stop]
    [('detach', 'detach')]
    """
    return Recording(source, time, memory, values)


def recording_of(tensor: Tensor) -> Recording | None:
    """The recording in which a tensor was made, if it is still there."""
    for recording in list(_recordings):
        if isinstance(recording.known(tensor), Event):
            return recording
    return None


class _Detach:
    """`Tensor.detach` is no op; while something records, it tells so."""

    running: ClassVar[list[Recording]] = []
    lock = threading.Lock()
    original = Tensor.detach

    @classmethod
    def start(cls, recording: Recording) -> None:
        with cls.lock:
            if not cls.running:
                Tensor.detach = _recorded_detach  # type: ignore[method-assign]
            cls.running.append(recording)

    @classmethod
    def stop(cls, recording: Recording) -> None:
        with cls.lock:
            cls.running.remove(recording)
            if not cls.running:
                Tensor.detach = cls.original  # type: ignore[method-assign]


def _recorded_detach(self: Tensor) -> Tensor:
    result = _Detach.original(self)
    for recording in tuple(_Detach.running):
        if recording.thread == threading.get_ident() and not recording.depth:
            recording.detached(result, recording.origin(self))
    return result


def _error_text(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _in_backward(trace: TracebackType | None) -> bool:
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(os.path.join("autograd", "backward.py")):
            return True
        trace = trace.tb_next
    return False
