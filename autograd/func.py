"""Functions that make functions: gradients, Jacobians, and the same computation over a batch.

The signatures are those of ``torch.func`` (https://docs.pytorch.org/docs/stable/func.html).  Arguments and results may be
tensors, and dictionaries, lists and tuples of them; so the gradient with respect to a dictionary of parameters is one too.

>>> import autograd as ag
>>> from autograd.func import grad
>>> grad(grad(lambda x: x**3))(ag.tensor(2.0))
tensor(12.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import functional
from .backward import grad as gradients
from .graph import enable_grad, state
from .nested import flatten
from .ops.joining import stack
from .ops.shape import identity
from .tensor import Tensor, wrap

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "stack_module_state", "vjp", "vmap",
]  # fmt: skip

_depth = 0  # of transforms that are running: inside another one, derivatives are recorded


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with these parameters and buffers instead of its own: `nn.utils.stateless.functional_call`."""
    from nn.utils.stateless import functional_call as call  # modules are not known here

    return call(module, parameter_and_buffer_dicts, args, kwargs, tie_weights=tie_weights, strict=strict)


# ---- what all of them share ---------------------------------------------------------------------------------------


def _start(value: Any) -> Any:
    """A tensor to differentiate with respect to, tied to what surrounds it where that is recorded."""
    if not isinstance(value, Tensor):
        raise TypeError(f"expected Tensors to differentiate with respect to, got {type(value).__name__}")
    return identity(value) if value.needs_grad and state.grad else value.detach().requires_grad_()


def _record(leaves: list) -> bool:
    """Are the derivatives to be differentiated again?"""
    return state.grad and (_depth > 1 or any(isinstance(x, Tensor) and x.needs_grad for x in leaves))


def _released(tree: Any, keep: bool) -> Any:
    leaves, rebuild = flatten(tree)
    return tree if keep else rebuild([x.detach() if isinstance(x, Tensor) else x for x in leaves])


def _transform(run: Callable) -> Callable:
    """Count a transform that is running, with recording switched on inside."""

    @functools.wraps(run)
    def counted(*args: Any, **kwargs: Any) -> Any:
        global _depth
        _depth += 1
        try:
            return run(*args, **kwargs)
        finally:
            _depth -= 1

    return counted


def _chosen(argnums: Any, args: tuple) -> tuple[tuple[int, ...], Any]:
    """The positions `argnums` names, and those arguments in the same form."""
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -len(args) <= i < len(args) for i in places):
        raise RuntimeError(f"Got argnums={argnums}, but only {len(args)} positional inputs")
    places = tuple(i % len(args) for i in places)
    return places, args[places[0]] if isinstance(argnums, int) else tuple(args[i] for i in places)


def _replaced(args: tuple, places: tuple, argnums: Any, chosen: Any) -> list:
    made = list(args)
    for i, value in zip(places, (chosen,) if isinstance(argnums, int) else chosen, strict=True):
        made[i] = value
    return made


def _evaluated(func: Callable, argnums: Any, has_aux: bool, args: tuple, kwargs: dict) -> tuple:
    """Call `func` with starting points for the chosen arguments.

    Returns the starting points, the function that puts their derivatives into the arguments' form, the value, and aux.
    """
    places, chosen = _chosen(argnums, args)
    leaves, rebuild = flatten(chosen)
    xs = [_start(x) for x in leaves]
    result = func(*_replaced(args, places, argnums, rebuild(xs)), **kwargs)
    value, aux = result if has_aux else (result, None)
    return xs, rebuild, value, aux


# ---- gradients ---------------------------------------------------------------------------------------------------


def grad_and_value(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """The function that returns the gradient of `func`, and its value.

    Args:
        func: returns a tensor of one element, or with `has_aux` a pair of it and anything else.
        argnums: which arguments: a number, or several.

    Returns:
        A function returning (gradient, value), or (gradient, (value, aux)).
    """

    @_transform
    def call(*args: Any, **kwargs: Any) -> Any:
        again = _record(flatten(args)[0])
        with enable_grad():
            xs, rebuild, out, aux = _evaluated(func, argnums, has_aux, args, kwargs)
            if not isinstance(out, Tensor) or out.numel() != 1:
                got = f"shape {tuple(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
                raise RuntimeError(f"Expected the function given to grad to return a tensor of one element, got {got}")
            parts = gradients(out, xs, create_graph=again, materialize_grads=True) if out.needs_grad else None
        if parts is None:
            parts = tuple(wrap(np.zeros_like(x.array)) for x in xs)
        value = _released((out, aux) if has_aux else out, again)
        return rebuild(list(parts)), value

    return functools.wraps(func)(call) if hasattr(func, "__name__") else call


def grad(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """The function that returns the gradient of `func`; with `has_aux` a pair of it and what else `func` returns.

    >>> import autograd as ag
    >>> grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(ag.tensor([1.0]), ag.tensor([3.0]))
    (tensor([3.]), tensor([1.]))
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        made, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (made, value[1]) if has_aux else made

    return call


@_transform
def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """The value of `func`, and the function from gradients of that value to gradients of the arguments.

    >>> import autograd as ag
    >>> value, pull = vjp(lambda x: x * x, ag.tensor([1.0, 2.0]))
    >>> pull(ag.ones(2))
    (tensor([2., 4.]),)
    """
    leaves, rebuild = flatten(primals)
    again = _record(leaves)
    with enable_grad():
        xs = [_start(x) for x in leaves]
        result = func(*rebuild(xs))
    out, aux = result if has_aux else (result, None)
    outs, rebuild_out = flatten(out)

    def pull(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> tuple:
        gs, _ = flatten(cotangents[0] if len(cotangents) == 1 else cotangents)
        if len(gs) != len(outs):
            raise RuntimeError(f"Expected {len(outs)} cotangents, one for each output, got {len(gs)}")
        pairs = [(o, g) for o, g in zip(outs, gs, strict=True) if o.needs_grad]
        if not pairs:
            return rebuild([wrap(np.zeros_like(x.array)) for x in xs])
        record = again or any(g.needs_grad for g in gs) if create_graph is None else create_graph
        parts = gradients(
            [o for o, _ in pairs],
            xs,
            [g for _, g in pairs],
            retain_graph=retain_graph,
            create_graph=record,
            materialize_grads=True,
        )
        return rebuild(list(parts))

    value = rebuild_out([o if again else o.detach() for o in outs])
    return (value, pull, aux) if has_aux else (value, pull)


@_transform
def jvp(func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False) -> tuple:
    """The value of `func`, and its derivative along `tangents`.

    >>> import autograd as ag
    >>> jvp(lambda x: x * x, (ag.tensor(3.0),), (ag.tensor(1.0),))
    (tensor(9.), tensor(6.))
    """
    leaves, rebuild = flatten(primals)
    directions, _ = flatten(tangents)
    if len(leaves) != len(directions):
        raise RuntimeError(f"Expected one tangent for each of {len(leaves)} primals, got {len(directions)}")
    kept: list = []

    def flat(*xs: Tensor) -> tuple:
        result = func(*rebuild(list(xs)))
        if has_aux:
            result, aux = result
            kept.append(aux)
        outs, again = flatten(result)
        kept.append(again)
        return tuple(outs)

    again = _record([*leaves, *directions])
    values, parts = functional.jvp(flat, tuple(leaves), tuple(directions), create_graph=again, strict=strict)
    rebuild_out = kept[-1]
    made = rebuild_out(list(values)), rebuild_out(list(parts))
    return (*made, _released(kept[0], again)) if has_aux else made


# ---- Jacobians ---------------------------------------------------------------------------------------------------


def jacrev(func: Callable, argnums: Any = 0, has_aux: bool = False, **_: Any) -> Callable:
    """The function that returns the Jacobian of `func`: for each output and each argument a tensor (*out, *in).

    >>> import autograd as ag
    >>> jacrev(lambda x: x * x)(ag.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @_transform
    def call(*args: Any, **kwargs: Any) -> Any:
        again = _record(flatten(args)[0])
        with enable_grad():
            xs, rebuild, out, aux = _evaluated(func, argnums, has_aux, args, kwargs)
            outs, rebuild_out = flatten(out)
            rows = [rebuild(list(functional.jacobian_of(o, xs, again))) for o in outs]
        made = _released(rebuild_out(rows), again)
        return (made, _released(aux, again)) if has_aux else made

    return call


def jacfwd(func: Callable, argnums: Any = 0, has_aux: bool = False, **_: Any) -> Callable:
    """The same Jacobian as `jacrev`, computed in the same way: column by column is not faster here."""
    return jacrev(func, argnums, has_aux)


def hessian(func: Callable, argnums: Any = 0) -> Callable:
    """The function that returns the second derivatives of `func`.

    >>> import autograd as ag
    >>> hessian(lambda x: (x**3).sum())(ag.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


# ---- batches -----------------------------------------------------------------------------------------------------


def vmap(
    func: Callable, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None
) -> Callable:
    """The function that applies `func` to each element of a batch and stacks the results.

    It is a loop: the meaning is PyTorch's, the speed that of the calls one by one.

    Args:
        in_dims: along which dimension of each argument the batch lies; None for those that are the same for all.
        out_dims: along which dimension the results are stacked.
        randomness, chunk_size: accepted; each element draws random numbers of its own.

    >>> import autograd as ag
    >>> vmap(lambda x, y: (x * y).sum(), in_dims=(0, None))(ag.ones(3, 2), ag.tensor([1.0, 2.0]))
    tensor([3., 3., 3.])
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        leaves, rebuild = flatten(args)
        dims = _broadcast(in_dims if isinstance(in_dims, tuple) else (in_dims,) * len(args), args)
        sizes = {x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None}
        if len(sizes) != 1:
            problem = "at least one input to map over" if not sizes else f"batches of one size, got {sorted(sizes)}"
            raise ValueError(f"vmap: expected {problem} (in_dims={in_dims})")
        results = []
        for i in range(sizes.pop()):
            parts = [x if d is None else x.select(d, i) for x, d in zip(leaves, dims, strict=True)]
            results.append(func(*rebuild(parts), **kwargs))
        if not results:
            raise ValueError("vmap: the batch is empty, so the shape of the result is not known")
        flat = [flatten(r)[0] for r in results]
        _, rebuild_out = flatten(results[0])
        places = _broadcast(out_dims, results[0])
        columns = zip(zip(*flat, strict=True), places, strict=True)
        return rebuild_out([column[0] if d is None else stack(column, d) for column, d in columns])

    return call


def _broadcast(dims: Any, tree: Any) -> list:
    """A dimension for each leaf of a nesting, given for all or for some branches at once."""
    if dims is None or isinstance(dims, int):
        return [dims if isinstance(leaf, Tensor) else None for leaf in flatten(tree)[0]]
    if isinstance(tree, dict):
        return [d for key in tree for d in _broadcast(dims[key], tree[key])]
    if not isinstance(tree, (list, tuple)) or len(dims) != len(tree):
        raise ValueError(f"vmap: the dimensions {dims} do not fit the form of the arguments or results")
    return [d for dim, branch in zip(dims, tree, strict=True) for d in _broadcast(dim, branch)]


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several equal modules, stacked: for an ensemble with `vmap` and `functional_call`."""
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({type(m) for m in models}) > 1 or len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of one class, and in one mode.")
    stacked = []
    for listing in ("named_parameters", "named_buffers"):
        columns = [dict(getattr(m, listing)()) for m in models]
        stacked.append(
            {
                name: stack([c[name].detach() for c in columns]).requires_grad_(columns[0][name].requires_grad)
                for name in columns[0]
            }
        )
    return stacked[0], stacked[1]
