"""What a graph saves for its backward pass, kept in a form of your own until then: PyTorch's hooks for saved tensors."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .backward import tied
from .function import FunctionCtx
from .graph import Node, clock, no_grad
from .nested import tensors_in
from .op import OUTPUT, observers
from .tensor import Tensor, wrap

__all__ = ["save_on_cpu", "saved_tensors_hooks"]

_active: list[saved_tensors_hooks] = []


class saved_tensors_hooks:
    """In a ``with`` block, keep ``pack_hook(x)`` in place of each value x that the graph saves.

    The backward pass takes ``unpack_hook(pack_hook(x))`` for x: make it smaller, put it on disk, or count.

    Args:
        pack_hook: takes a Tensor that it must not change; returns anything.
        unpack_hook: takes that; returns a Tensor of the same shape and type.

    Source: https://docs.pytorch.org/docs/stable/autograd.html#hooks-for-saved-tensors

    >>> import autograd as ag
    >>> x = ag.tensor([2.0, 3.0], requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.numpy().tolist(), ag.tensor):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([4., 6.])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if not _active:
            observers.append(_observe)
        _active.append(self)

    def __exit__(self, *exc: object) -> None:
        _active.pop()
        if not _active:
            observers.remove(_observe)

    def pack(self, value: Any) -> Any:
        """What to keep for a saved value: arrays, also in tuples, are packed."""
        if isinstance(value, tuple):
            return tuple(map(self.pack, value))
        if not hasattr(value, "dtype"):
            return value
        with no_grad():
            return _Packed(self.pack_hook(wrap(value)), self.unpack_hook)


class save_on_cpu(saved_tensors_hooks):
    """In a ``with`` block, keep what the graph saves in main memory: for models on a GPU whose memory is scarce.

    Args:
        pin_memory: accepted for PyTorch's sake.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        super().__init__(lambda x: (x.device, x.cpu()), lambda kept: kept[1].to(kept[0]))


class _Packed:
    """A saved array in the user's form."""

    def __init__(self, kept: Any, unpack_hook: Callable):
        self.kept, self.unpack_hook = kept, unpack_hook

    def array(self) -> Any:
        with no_grad():
            made = self.unpack_hook(self.kept)
        if not isinstance(made, Tensor):
            raise TypeError(f"expected an unpack_hook to return a Tensor, got {type(made).__name__}")
        return made.array


class _PackedValues:
    """Stands in a node for what it has saved until the backward pass asks for it, as a checkpointed segment does."""

    def __init__(self, node: Node, values: tuple):
        self.node, self.values = weakref.ref(node), values

    def recompute(self) -> None:
        """Unpack them."""
        self.node().saved = _unpacked(self.values)  # type: ignore[union-attr]


def _unpacked(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_unpacked, value))
    return value.array() if isinstance(value, _Packed) else value


def _observe(op: Any, call: Callable, *args: Any, **kwargs: Any) -> Any:
    """Pack what the node of a call has saved."""
    since, hooks = clock(), _active[-1]
    result = call(*args, **kwargs)
    nodes = {t.grad_fn for t in tensors_in(result) if t.grad_fn is not None}
    for node in {n.parents[0] if n.plan is OUTPUT else n for n in nodes}:
        if node.order > since and type(node.saved) is tuple:
            ctx = getattr(node.plan, "ctx", None)
            if ctx is not None:
                _pack_context(ctx, hooks)
                node.saved = (None,) * len(node.saved)
            elif node.saved:
                node.saved = _PackedValues(node, tuple(map(hooks.pack, node.saved)))
    return result


def _pack_context(ctx: FunctionCtx, hooks: saved_tensors_hooks) -> None:
    """The same for what a Function saved: a Tensor comes back with its place in the graph."""

    def packed(restore: Callable) -> Callable:
        tensor = restore()
        if tensor is None:
            return restore
        kept, node = hooks.pack(tensor.array), tensor.grad_fn
        leaf = tensor if node is None and tensor.needs_grad else None
        place: Callable = (lambda: leaf) if node is None else weakref.ref(node)

        def restored() -> Tensor:
            value = tied(kept.array(), place())
            return value if isinstance(value, Tensor) else wrap(value)

        return restored

    ctx._saved = list(map(packed, ctx._saved))
