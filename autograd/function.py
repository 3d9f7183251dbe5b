"""Your own operation with your own gradient, in PyTorch's form."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from .graph import Node, state
from .inplace import rebase
from .op import Op, observed, observers, output, picker
from .tensor import Tensor, unwrap, wrap


class FunctionCtx:
    """What `forward` hands to `backward`: saved tensors, and any attributes you set."""

    def __init__(self, needs_input_grad: tuple[bool, ...]):
        self.needs_input_grad = needs_input_grad
        self._to_save: tuple = ()
        self._saved: list = []
        self._constant: tuple = ()
        self._dirty: tuple = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs for `backward`, which finds them in `saved_tensors`."""
        if wrong := [type(t).__name__ for t in tensors if not (t is None or isinstance(t, Tensor))]:
            raise TypeError(
                f"save_for_backward takes Tensors, got {wrong[0]}; set an attribute of ctx for other values"
            )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple:
        """What `save_for_backward` kept."""
        return tuple(restore() for restore in self._saved)

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say that these outputs have no gradient."""
        self._constant = outputs

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Say that `forward` changed these inputs in place; it has to return them."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Hand `backward` None, not zeros, for the gradient of an output that was not used."""
        self._materialize = value


class _CustomPlan:
    """The plan of one call of a Function: its rule is the user's `backward`."""

    saves, rules = (), ()

    def __init__(self, op: Op, needs: tuple[bool, ...], rule: Callable, ctx: FunctionCtx, saved: int):
        self.op, self.needs, self.joint, self.ctx = op, needs, (rule, picker([])), ctx
        self.data = range(saved)
        op.partial = not ctx._materialize


class Function:
    """Base class of operations with a gradient of your own.

    Subclass it with two static methods: ``forward(ctx, *args)``, which computes with Tensors (nothing is recorded
    there) and may call ``ctx.save_for_backward``, and ``backward(ctx, *gradients)``, which takes the gradient of each
    output and returns one for each argument of `forward` (None where none is due).  Or give ``forward(*args)`` and
    ``setup_context(ctx, inputs, output)``.  Call the operation by ``.apply(*args)``.  If `backward` is written with
    operations on Tensors it can itself be differentiated.

    Source: https://docs.pytorch.org/docs/stable/autograd.html#torch.autograd.Function

    >>> import autograd as ag
    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x * x
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    setup_context: Any = None

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """To be written by the subclass."""
        raise TypeError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """To be written by the subclass."""
        raise TypeError("a Function needs a static method backward(ctx, *gradients) to be differentiated")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Do the operation, and record it where an argument requires grad."""
        op = Op(cls.__name__, cls.forward, {}, holomorphic=False)
        if cls.setup_context is None:
            op.names = op.names[1:]  # without ctx
        call = functools.partial(_apply, cls, op)
        return observed(op, call, *args) if observers else call(*args)


def _apply(cls: type[Function], op: Op, *args: Any) -> Any:
    needs = tuple(state.grad and isinstance(a, Tensor) and a.needs_grad for a in args)
    ctx = FunctionCtx(needs)
    recording, state.grad = state.grad, False
    try:
        if cls.setup_context is None:
            result = cls.forward(ctx, *args)
        else:
            result = cls.forward(*args)
            cls.setup_context(ctx, args, result)
    finally:
        state.grad = recording
    several = isinstance(result, tuple)
    outputs = result if several else (result,)
    if True not in needs:
        return result
    values = tuple(t.array for t in ctx._to_save if t is not None)
    parents = tuple((a.grad_fn or a) if n else None for a, n in zip(args, needs, strict=True))
    of_tensors = [isinstance(t, Tensor) for t in outputs]
    plan = _CustomPlan(op, needs, _rule(cls, ctx, len(args), of_tensors), ctx, len(values))
    tensors = [t for t in outputs if isinstance(t, Tensor)]
    shapes, dtypes = tuple(t.array.shape for t in tensors), tuple(t.array.dtype for t in tensors)
    node = Node(plan, parents, values, shapes if several else shapes[0], dtypes if several else dtypes[0])
    made, tied, place = [], {}, -1
    for t in outputs:
        place += isinstance(t, Tensor)
        if not isinstance(t, Tensor) or any(t is c for c in ctx._constant) or t.array.dtype.kind not in "fc":
            made.append(t)
            continue
        if several:
            fresh = output(node, place, t.array)
        else:
            fresh = wrap(t.array)
            fresh.grad_fn, fresh.needs_grad = node, True
        changed = any(t is d for d in ctx._dirty)
        if changed or not any(t is a for a in args):  # an input that is handed on as it came is saved as that
            tied[id(t)] = functools.partial(_tied, weakref.ref(fresh.grad_fn), weakref.ref(node), place, t.array)
        if changed:
            rebase(t, fresh)
            fresh = t
        made.append(fresh)
    ctx._saved = [tied.get(id(t)) or functools.partial(_itself, t) for t in ctx._to_save]
    return tuple(made) if several else made[0]


def _itself(tensor: Tensor | None) -> Tensor | None:
    return tensor


def _tied(own: weakref.ref, node: weakref.ref, place: int, array: Any) -> Tensor:
    """A saved output, which the node must not hold: tied anew to its own node, or, if nobody kept that one of several
    outputs, to a new one like it."""
    if own() is None:
        return output(node(), place, array)  # type: ignore[arg-type]  # its backward pass is under way
    made = wrap(array)
    made.grad_fn, made.needs_grad = own(), True
    return made


def _rule(cls: type[Function], ctx: FunctionCtx, count: int, of_tensors: list[bool]) -> Callable:
    def rule(g: Any) -> tuple:
        gs = g if isinstance(g, tuple) else (g,)
        create_graph = any(isinstance(part, Tensor) for part in gs)
        wrapped = (part if part is None or isinstance(part, Tensor) else wrap(part) for part in gs)
        given = [next(wrapped) if of_tensor else None for of_tensor in of_tensors]
        parts = cls.backward(ctx, *given)
        parts = parts if isinstance(parts, tuple) else (parts,)
        if len(parts) > count and all(p is None for p in parts[count:]):
            parts = parts[:count]
        if len(parts) != count:
            raise RuntimeError(
                f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {count}, got {len(parts)})"
            )
        if create_graph:
            return parts
        return tuple(unwrap(p) for p in parts)

    return rule


def once_differentiable(backward: Callable) -> Callable:
    """Decorate the `backward` of a Function that cannot be differentiated itself: trying to is an error."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, *gradients: Any) -> Any:
        if state.grad:
            raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
        return backward(ctx, *gradients)

    return wrapped
