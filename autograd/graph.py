"""The recorded graph: its nodes, when they are recorded, and what has been changed in place since."""

from __future__ import annotations

import functools
import itertools
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

clock = itertools.count().__next__  # one clock for nodes and in-place changes: it says which came first


class Mode(threading.local):
    """What each thread is doing now."""

    grad = True  # are operations recorded?
    inference = False
    anomaly = False  # are gradients checked for NaN and infinity?
    call: Call | None = None  # the nn module call that is running
    running: tuple | None = None  # the backward pass: what it started from, and what it is to reach (None: all leaves)


state = Mode()


class Scope:
    """The place of an nn module in its model: what its dotted path is made of.

    It holds no module, so a graph that points here keeps no module alive.
    """

    __slots__ = ("calls", "kind", "name", "parent")

    def __init__(self, kind: str, name: str = "", parent: Scope | None = None):
        self.kind, self.name, self.parent = kind, name, parent
        self.calls = itertools.count().__next__

    @property
    def path(self) -> str:
        """Dotted path below the outermost module, such as ``blocks.3.attn``; empty for the outermost itself."""
        names, scope = [], self
        while scope.parent is not None:
            names.append(scope.name)
            scope = scope.parent
        return ".".join(reversed(names))


class Call:
    """One call of one module: where it stands, the how-manieth it was, and the call it was made in."""

    __slots__ = ("index", "parent", "scope")

    def __init__(self, scope: Scope):
        self.scope, self.index, self.parent = scope, scope.calls(), state.call

    def __enter__(self) -> None:
        state.call = self

    def __exit__(self, *exc: object) -> None:
        state.call = self.parent


def whereabouts() -> str:
    """`` (in blocks.3.attn)`` while a module runs, for error messages; otherwise nothing."""
    if state.call is None:
        return ""
    return f" (in {state.call.scope.path or state.call.scope.kind})"


# PyTorch's names of ops that are NumPy's functions.
_SHORT = {"absolute": "Abs", "divide": "Div", "multiply": "Mul", "negative": "Neg", "subtract": "Sub"}


def located(error: Exception) -> None:
    """Note on an error in which module it was raised, unless it says so itself."""
    place = whereabouts().strip()
    if not hasattr(error, "__notes__") and place not in str(error):
        error.add_note(place)


class Node:
    """One recorded call: what ran, whose results it used, and the values that its gradient rules will ask for.

    It points to the Nodes (or leaf Tensors) it was computed from, never to a Tensor in between: there are no reference
    cycles, and memory goes when the last Tensor goes.  A node is younger than its parents, so that `order` is a
    topological order.
    """

    __slots__ = (
        "__weakref__",
        "_metadata",
        "call",
        "dtype",
        "hooks",
        "order",
        "parents",
        "plan",
        "saved",
        "shape",
        "source",
    )

    def __init__(self, plan: Any, parents: tuple, saved: Any, shape: Any, dtype: Any):
        self.plan = plan  # the op and the rules of those arguments that need a gradient (see op.Plan)
        self.parents = parents  # per argument: Node, leaf Tensor, or None where no gradient is due
        self.saved = saved  # None once freed
        self.shape = shape
        self.dtype = dtype
        self.call = state.call
        self.hooks: list[Callable] | None = None
        self.source: str | None = None  # "file:line", when somebody asked for it
        self.order = clock()

    @property
    def op(self) -> Any:
        return self.plan.op

    def name(self) -> str:
        """The name as PyTorch prints it: ``MulBackward0``."""
        name = self.op.name
        if name == "output":  # one of several
            return self.parents[0].name()
        if not name.islower():  # a class of the program, derived from Function
            return f"{name}Backward"
        return f"{_SHORT.get(name) or name.title().replace('_', '')}Backward0"

    @property
    def next_functions(self) -> tuple:
        """The parents, in PyTorch's form: ``(node, which of its outputs)``, and ``(None, 0)`` where no gradient is due."""
        if self.op.name == "output":
            return self.parents[0].next_functions
        return tuple(map(edge, self.parents))

    @property
    def metadata(self) -> dict:
        """A place for what a program wants to note about this node."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata: dict = {}
            return self._metadata

    def _sequence_nr(self) -> int:
        return self.order

    def on_gradient(self, hook: Callable) -> RemovableHandle:
        """Call `hook(gradient)` on the gradient of this node's output; what it returns replaces the gradient."""
        if self.hooks is None:
            self.hooks = []
        return RemovableHandle(self.hooks, hook)

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(gradients of the arguments, gradients of the outputs)` after the rules of this node have run.

        Both are tuples, with None where no gradient is due; a tuple that the hook returns takes the place of the first.

        >>> import autograd as ag
        >>> x = ag.tensor(3.0, requires_grad=True)
        >>> y = x * 2
        >>> handle = y.grad_fn.register_hook(lambda inner, outer: (10 * inner[0], None))
        >>> y.backward()
        >>> x.grad
        tensor(20.)
        """
        from .node_hooks import AfterRules

        if self.op.name == "output":  # one of several
            return self.parents[0].register_hook(hook)
        return self.on_gradient(AfterRules(hook))

    def register_prehook(self, hook: Callable) -> RemovableHandle:
        """Call `hook((gradient,))` just before the rules of this node run; a tuple it returns takes the gradient's place.

        >>> import autograd as ag
        >>> x = ag.tensor(3.0, requires_grad=True)
        >>> y = x * x
        >>> handle = y.grad_fn.register_prehook(lambda gradients: (10 * gradients[0],))
        >>> y.backward()
        >>> x.grad
        tensor(60.)
        """

        def before(g: Any) -> Any:
            replaced = hook((g,))
            return None if replaced is None else replaced[0]

        before.last = 2  # type: ignore[attr-defined]
        return self.on_gradient(before)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class AccumulateGrad:
    """What PyTorch's graph has in the place of a leaf: it adds to the gradient of its `variable`."""

    next_functions: tuple = ()

    def __init__(self, variable: Any):
        self.variable = variable

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return id(self.variable)

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


def edge(parent: Any) -> tuple[Any, int]:
    """Where a gradient goes, in PyTorch's form: the node of a Node, a leaf or None, and which of its outputs it is of."""
    if type(parent) is not Node:
        return (None if parent is None else AccumulateGrad(parent)), 0
    return (parent.parents[0], parent.saved) if parent.op.name == "output" else (parent, 0)


class RemovableHandle:
    """Takes a hook out again: ``handle.remove()``, or the end of a ``with handle:`` block."""

    def __init__(self, hooks: list | dict, hook: Any):
        self.hooks, self.hook = hooks, hook
        self.id = clock()
        if isinstance(hooks, dict):
            hooks[self.id] = hook
        else:  # after a tensor's hooks what keeps its gradient, and then those of the node
            later = getattr(hook, "last", 0)
            hooks.insert(sum(getattr(other, "last", 0) <= later for other in hooks), hook)

    def remove(self) -> None:
        if isinstance(self.hooks, dict):
            self.hooks.pop(self.id, None)
        elif self.hook in self.hooks:
            self.hooks.remove(self.hook)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


# ---- when operations are recorded --------------------------------------------------------------------------------


class _Recording:
    """Switches recording for a ``with`` block, or around each call of a decorated function."""

    def __init__(self, grad: bool, inference: bool | None = None):
        self.grad, self.inference = grad, inference
        self.before: list[tuple[bool, bool]] = []  # a stack: the same object may be entered again inside itself

    def __enter__(self) -> None:
        self.before.append((state.grad, state.inference))
        state.grad = self.grad
        if self.inference is not None:
            state.inference = self.inference

    def __exit__(self, *exc: object) -> None:
        state.grad, state.inference = self.before.pop()

    def __call__(self, function: Callable) -> Callable:
        grad, inference = self.grad, self.inference

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with _Recording(grad, inference):  # a fresh one: two threads may be in here at once
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Recording):
    """Do not record operations: ``with no_grad():`` or ``@no_grad()``.

    >>> import autograd as ag
    >>> x = ag.ones(2, requires_grad=True)
    >>> with ag.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __new__(cls, function: Callable | None = None) -> Any:
        return super().__new__(cls) if function is None else cls()(function)  # `@no_grad` needs no parentheses

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(no_grad):
    """Record operations again inside `no_grad`: ``with enable_grad():`` or ``@enable_grad()``.

    >>> import autograd as ag
    >>> with ag.no_grad(), ag.enable_grad():
    ...     y = ag.ones(2, requires_grad=True) * 2
    >>> y.requires_grad
    True
    """

    def __init__(self) -> None:
        _Recording.__init__(self, True)


class set_grad_enabled(_Recording):
    """Record operations or not, as `mode` says: at once when called, undone at the end of a ``with`` block.

    >>> import autograd as ag
    >>> with ag.set_grad_enabled(False):
    ...     y = ag.ones(2, requires_grad=True) * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool):
        super().__init__(bool(mode))
        super().__enter__()

    def __enter__(self) -> None:
        pass

    def __call__(self, function: Callable) -> Callable:
        self.__exit__()  # as a decorator it is not to act at once
        return super().__call__(function)


class inference_mode(_Recording):
    """Like `no_grad`, and what is computed inside can never take part in a graph."""

    def __init__(self, mode: bool = True):
        super().__init__(state.grad and not mode, bool(mode))


def is_grad_enabled() -> bool:
    """True where operations on tensors that require grad are recorded."""
    return state.grad


def is_inference_mode_enabled() -> bool:
    """True inside `inference_mode`."""
    return state.inference


# ---- changes in place --------------------------------------------------------------------------------------------
# Nothing is counted while a graph is recorded.  A change in place is noted here with its time, under the array that
# owns the memory; the backward pass compares that with the age of the nodes which saved a value there.  Of a value only
# its own elements count: programs fill a tensor part by part (``k.data[..., i] = f``) and use what is there already.


class Mark:
    """When the memory of an array was last changed in place: any of it, all of it, and which parts."""

    __slots__ = ("parts", "read_only", "reference", "time", "whole")

    def __init__(self, array: Any):
        self.read_only = False  # for arrays of a GPU, which have no flag that says so
        key, self.time, self.whole = id(array), -1, -1
        self.parts: list[tuple[int, Part]] = []
        self.reference = weakref.ref(array, lambda _: marks.pop(key, None))
        marks[key] = self


marks: dict[int, Mark] = {}
_MOST_PARTS = 16  # to tell apart; what is changed after that counts as the whole
last_change = -1


def owner(array: Any) -> Any:
    """The array whose memory `array` is a view of."""
    whole, base = array, getattr(array, "base", None)
    while base is not None:
        if isinstance(base, type(array)):  # beside others: what lends memory to NumPy, and a go-between of as_strided
            whole = base
        base = getattr(base, "base", None)
    return whole


class Part:
    """Where the elements of an array are, without keeping them: NumPy takes it for an array, and compares addresses.

    Those of a GPU too: it looks at nothing that lies there.
    """

    __slots__ = ("__array_interface__",)

    def __init__(self, array: Any):
        here = isinstance(array, np.ndarray)
        self.__array_interface__ = array.__array_interface__ if here else array.__cuda_array_interface__


def mutated(array: Any) -> None:
    """Note that the memory of `array` has just been changed."""
    global last_change
    if isinstance(array, np.generic):  # a NumPy scalar cannot change
        return
    whole, mark = owner(array), mark_of(array)
    if array.nbytes == whole.nbytes:
        mark.parts.clear()
        mutated_all((mark,))
    elif len(mark.parts) == _MOST_PARTS:
        mutated_all((mark,))
    else:
        last_change = mark.time = clock()
        mark.parts.append((mark.time, Part(array)))


def mark_of(array: Any) -> Mark:
    """Where changes of the memory of `array` are noted."""
    whole = owner(array)
    return marks.get(id(whole)) or Mark(whole)


def mutated_all(those: Iterable[Mark]) -> None:
    """Note that the memory behind these marks has just been changed."""
    global last_change
    last_change = now = clock()
    for mark in those:
        mark.time = mark.whole = now


def changed_since(array: Any, order: int) -> bool:
    """Have elements of `array` been changed after the moment `order`?"""
    mark = marks.get(id(owner(array)))
    if mark is None or mark.time <= order:
        return False
    return mark.whole > order or any(time > order and _overlap(array, part) for time, part in mark.parts)


def _overlap(array: Any, part: Part) -> bool:
    """May both have an element in common?  (A hard case counts as one: to know would take long.)"""
    places = array if isinstance(array, np.ndarray) else np.asarray(Part(array))  # pyright: ignore[reportArgumentType]
    try:
        return np.shares_memory(places, np.asarray(part), max_work=1000)  # pyright: ignore[reportArgumentType]
    except np.exceptions.TooHardError:
        return True
