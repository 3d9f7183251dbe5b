"""The backward pass: from outputs to leaves, youngest node first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np

from . import graph
from .device import to_device
from .elementwise import same
from .fast import LARGE, available, fused
from .fast.deferred import Deferred, now
from .graph import Node, changed_since, set_grad_enabled, state
from .node_hooks import planned
from .op import OUTPUT, Op, Plan
from .quiet import as_before, quiet
from .tensor import Tensor, wrap

ndarray = np.ndarray
_by_age = attrgetter("order")
plus = fused(np.add)


def recorded(sources: Iterable) -> list[Node]:
    """The nodes among `sources` and all that those were computed from, oldest first.

    A node is created after its parents, so sorting by age is a topological sort: no recursion, no marks.
    """
    seen = {source for source in sources if type(source) is Node}
    stack = list(seen)
    while stack:
        for parent in stack.pop().parents:
            if type(parent) is Node and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=_by_age)


def ancestors(sources: Iterable) -> list:
    """The leaves and the nodes that `sources` were computed from and themselves, oldest first."""
    nodes = recorded(sources := list(sources))
    leaves = [item for items in (sources, *(n.parents for n in nodes)) for item in items if isinstance(item, Tensor)]
    return [*dict.fromkeys(leaves), *nodes]


def leading_to(order: list, targets: set) -> set:
    """The targets, and those nodes of a topological order through which a gradient reaches one of them."""
    useful = set(targets)
    for node in order:
        if not useful.isdisjoint(node.parents):
            useful.add(node)
    return useful


def gradients(seeds: dict, targets: set | None, retain_graph: bool, create_graph: bool) -> dict:
    """Propagate `seeds` (node or leaf -> gradient) through the graph.

    Gradients are arrays, or Tensors with `create_graph`.  Returns those of `targets`, or of all leaves where `targets`
    is None.
    """
    order = recorded(seeds)
    useful = None if targets is None else leading_to(order, targets)
    if order and graph.last_change > order[0].order:
        check_unchanged(order if useful is None else [node for node in order if node in useful], create_graph)
    grads, found = dict(seeds), {}
    recording, state.grad = state.grad, create_graph
    outer, state.running = state.running, (seeds, targets)
    plain = not (create_graph or state.anomaly)
    loud = quiet()
    try:
        for node in reversed(order):
            g = grads.pop(node, None)
            if g is None or (useful is not None and node not in useful):
                continue
            plan, saved, parents = node.plan, node.saved, node.parents
            if node.hooks:
                settle(grads)
                g, plan = run_hooks(node.hooks, now(g)), planned(node, create_graph)
            if targets is not None and node in targets:
                found[node] = g = now(g)
            if g.__class__ is Deferred and not plan.deferring:
                g = g.now()
            if plan is OUTPUT:
                hand_over(grads, parents[0], saved, g)
                continue
            if type(saved) is not tuple:
                saved = restored(node)
            simple = plain and type(g) is not list and node.dtype.kind != "c"
            if simple and (plan.joint is None or (plan.rules and g.size < LARGE)):
                parts = deferred(plan, g, saved) if plan.deferring and node.shape else plan.rules
            else:
                parts = partials(node, plan, g, saved, create_graph)
            for i, part, pick in parts:
                if pick is not None:  # not computed yet: `part` is the rule
                    part = part(g, *pick(saved))
                parent = parents[i]
                if parent is None or part is None or (useful is not None and parent not in useful):
                    continue
                like = parent if type(parent) is Node else parent.array
                fits = not like.shape and part.__class__ is like.dtype.type  # two NumPy scalars: a fast test
                if not fits and (part.shape != like.shape or part.dtype is not like.dtype):
                    part = conform(part, like)
                if parent in grads:
                    part = added(grads.pop(parent), part)
                grads[parent] = part
            if not retain_graph and plan.data and holds_arrays(saved, plan.data):
                node.saved = None
        settle(grads)
        for leaf, g in grads.items():  # what is left
            # A number on the CPU may have been used on a GPU.
            if not leaf.array.ndim and not isinstance(g, (ndarray, np.generic)):
                g = g.to(leaf.device) if isinstance(g, Tensor) else to_device(g, leaf.device)
            if leaf.hooks:
                g = run_hooks(leaf.hooks, g)
            if useful is None or leaf in useful:
                found[leaf] = g
        if order and last_flat >= order[0].order:
            found |= zeros(order, targets, found, create_graph)
    finally:
        as_before(loud)
        state.grad, state.running = recording, outer
    return found


def hand_over(grads: dict, parent: Node, index: int, g: Any) -> None:
    """Put the gradient of one of several outputs into its place among those of its node."""
    slots = grads.get(parent)
    if slots is None:
        slots = grads[parent] = [None] * len(parent.shape)
    slots[index] = g if slots[index] is None else slots[index] + g  # rules tie saved outputs again


def deferred(plan: Plan, g: Any, saved: tuple) -> Iterable[tuple[int, Any, Any]]:
    """The rules of an op, applied already if the gradient is large: what they make is computed later, with what uses it."""
    if type(g) is not Deferred:
        if type(g) is not ndarray or g.size < LARGE or (g.dtype.char == "f" and available()):
            return plan.rules
        later = Deferred(None, (), g, g)
    else:
        later = g
    return [(i, g if rule is same else rule(later, *pick(saved)), None) for i, rule, pick in plan.rules]


def settle(grads: dict) -> None:
    """Compute the gradients that wait for what uses them, before something is done that they may depend on."""
    for source, g in grads.items():
        if type(g) is Deferred:
            grads[source] = g.now()


def added(before: Any, part: Any) -> Any:
    """The sum of two gradients: in place if that memory is no one else's, which takes half the time."""
    if type(before) is Deferred or type(part) is Deferred:
        return plus(before, part)
    if not isinstance(before, ndarray):
        return before + part
    return np.add(before, part, out=before) if is_private(before) else plus(before, part)


def holds_arrays(saved: tuple, places: tuple[int, ...]) -> bool:
    """Are arrays among what a node has saved in these places?"""
    for i in places:
        value = saved[i]
        if type(value) is ndarray or type(value) is tuple or hasattr(value, "nbytes"):
            return True
    return False


def restored(node: Node) -> tuple:
    """What a node had saved and no longer has: recomputed if it was checkpointed."""
    if node.saved is not None:
        node.saved.recompute()
        return node.saved
    raise RuntimeError(
        f"trying to backward through {node.op.name} a second time, but what it had saved was freed by the first; call the "
        "first backward() or grad() with retain_graph=True"
    )


def partials(node: Node, plan: Plan, g: Any, saved: tuple, create_graph: bool) -> list[tuple[int, Any, None]]:
    """The gradient with respect to each argument that needs one, as the rules have it, where there is more to it."""
    op = plan.op
    if isinstance(g, list):  # of several outputs
        g = tuple(g) if op.partial else complete(node, g)
    if create_graph:
        saved = attach(node, plan, saved)
    conjugate = op.holomorphic and not isinstance(g, tuple) and g.dtype.kind == "c"
    if create_graph and op.formula is not None:
        parts, conjugate = through_formula(plan, g, saved), False
    else:
        incoming = g.conj() if conjugate else g
        if plan.joint is not None and not (plan.rules and create_graph):
            rule, pick = plan.joint
            parts = list(enumerate(distinct(rule(incoming, *pick(saved)))))
        else:
            start, parts = graph.clock(), []
            for i, rule, pick in plan.rules:
                part = rule(incoming, *(given := pick(saved)))
                parts.append((i, flat(part, given, start) if create_graph else part))
    if conjugate:
        parts = [(i, None if part is None else part.conj()) for i, part in parts]
    if state.anomaly:
        from .anomaly import check_backward

        parts = check_backward(node, g, parts)
    return [(i, part, None) for i, part in parts]


def distinct(parts: Any) -> Any:
    """The gradients of a joint rule; one that serves two arguments (two biases, say) is copied for the second.

    What comes later is added to each in place.
    """
    if len({id(part) for part in parts}) == len(parts):
        return parts
    seen: set[int] = set()
    made = []
    for part in parts:
        made.append(part.copy() if id(part) in seen and isinstance(part, ndarray) else part)
        seen.add(id(part))
    return tuple(made)


def complete(node: Node, g: list) -> tuple:
    """The gradients of several outputs, zeros for those that nobody used."""
    like = next(part for part in g if part is not None)
    made: Callable = wrap if any(isinstance(part, Tensor) for part in g) else lambda zeros: zeros
    like = getattr(like, "array", like)
    return tuple(
        made(np.zeros_like(like, shape=s, dtype=d)) if part is None else part
        for part, s, d in zip(g, node.shape, node.dtype, strict=True)
    )


def attach(node: Node, plan: Plan, saved: tuple) -> tuple:
    """Saved values as Tensors tied to the graph they came from, to differentiate through the rules."""
    if plan.op.variadic:
        sources = {plan.op.names[0]: node.parents, "out": node}
    else:
        sources = dict(zip(plan.op.names, node.parents, strict=False)) | {"out": node}
    return tuple(tied(value, sources.get(name)) for name, value in zip(plan.saves, saved, strict=False))


def tied(value: Any, source: Any) -> Any:
    """A saved array as a Tensor that came from `source`: a node, a leaf, or one for each of several."""
    if source is None or value is None:
        return value
    if isinstance(value, tuple):
        if isinstance(source, Node):  # several outputs of one node
            source = [Node(OUTPUT, (source,), i, v.shape, v.dtype) for i, v in enumerate(value)]
        return tuple(tied(v, s) for v, s in zip(value, source, strict=True))
    made = wrap(value)
    made.needs_grad = True
    if isinstance(source, Node):
        made.grad_fn = source
    elif value is source.array:
        return source
    else:  # a leaf that was converted to another type on the way in, or whose value was packed
        from .ops.conversion import convert
        from .ops.shape import identity

        made = identity(convert(source, value.dtype))
        made.array = value
    return made


def through_formula(plan: Plan, g: Any, saved: tuple) -> Iterable[tuple[int, Any]]:
    """Gradients of a fused op, by way of its formula in simpler ops, which can be differentiated again."""
    from .ops.shape import identity

    values = [saved[plan.saves.index(name)] for name in plan.op.names]
    inputs = list(values[0]) if plan.op.variadic else values
    # Each argument gets a node of its own, so that one tensor in two places has two gradients.
    wanted = [i for i, needed in enumerate(plan.needs) if needed]
    for i in wanted:
        inputs[i] = identity(inputs[i])
    formula: Any = plan.op.formula
    out = formula(*inputs, *values[1:]) if plan.op.variadic else formula(*inputs)
    outs, gs = (out, g) if isinstance(out, tuple) else ((out,), (g,))
    used = [(o, part) for o, part in zip(outs, gs, strict=True) if part is not None and o.needs_grad]
    parts = grad(
        [o for o, _ in used], [inputs[i] for i in wanted], [p for _, p in used], create_graph=True, allow_unused=True
    )
    return list(zip(wanted, parts, strict=True))


# The gradient of relu depends on x, although its derivative is zero wherever it has one.  The graph says so by a node whose
# first parent is the gradient as the rule made it, and whose others are what it depends on in this way: they get zeros,
# as in PyTorch, if nothing else comes to them.
FLAT = Plan(Op("flat", lambda x, y: x, {"x": lambda g: g}), (True, False))
last_flat = -1  # when the youngest such node was made


def flat(part: Any, given: tuple, start: int) -> Any:
    """A gradient that a rule has made since `start`, made to depend on all values that the rule was given."""
    global last_flat
    sources = [v.grad_fn or v for v in arrays(given) if isinstance(v, Tensor) and v.needs_grad]
    if part is None or not sources:
        return part
    origin = part.grad_fn or (part if part.needs_grad else None)
    reached, stack = set(), [origin]
    while stack:
        node = stack.pop()
        reached.add(node)
        if type(node) is Node and node.order > start:
            stack += [parent for parent in node.parents if parent not in reached]
    if missing := tuple(source for source in sources if source not in reached):
        made = wrap(part.array)
        made.grad_fn = node = Node(FLAT, (origin, *missing), (), part.shape, part.dtype)
        made.needs_grad, last_flat, part = True, node.order, made
    return part


def zeros(order: list, targets: set | None, found: dict, create_graph: bool) -> dict:
    """Zeros for those targets (or leaves) that only gradients depend on whose derivative is zero."""
    made, like = {}, next(iter(found.values()), None)
    for x in ancestors(parent for node in order if node.plan is FLAT for parent in node.parents[1:]):
        if x not in found and (isinstance(x, Tensor) if targets is None else x in targets):
            like = x if isinstance(x, Tensor) else like
            array = np.zeros_like(getattr(like, "array", like), shape=x.shape, dtype=x.dtype)
            made[x] = wrap(array) if create_graph else array
    return made


def conform(g: Any, like: Any) -> Any:
    """Undo broadcasting and conversion: give `g` the shape and dtype of what it is the gradient of."""
    g = now(g)
    shape, dtype = like.shape, like.dtype
    if g.shape != shape:
        total: Any = Tensor.sum if isinstance(g, Tensor) else np.add.reduce
        wrong = g.shape
        if (lead := g.ndim - len(shape)) > 0:
            g = total(g, tuple(range(lead)))
        if lead >= 0 and (ones := tuple([i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1])):
            g = total(g, ones, keepdims=True)
        if g.shape != shape:
            raise RuntimeError(
                f"a gradient rule returned the shape {tuple(wrong)} for an argument of shape {tuple(shape)}"
            )
    if g.dtype != dtype:
        if g.dtype.kind == "c" and dtype.kind != "c":
            g = g.real
        g = g.astype(dtype) if not isinstance(g, Tensor) else g.to(dtype)
    return g


def is_private(g: Any, held: int = 0) -> bool:
    """Does nobody see the memory of a gradient but the caller, who has it in one variable and in so many other places?"""
    if getrefcount(g) > _ALONE + held:
        return False
    base = getattr(g, "base", None)
    if base is None:
        return True
    # A view is private where it is all that is left of an array.
    return (
        getrefcount(base) <= _ALONE_BASE
        and getattr(base, "nbytes", None) == g.nbytes
        and getattr(g.flags, "writeable", True)  # not one element, spread
    )


def _alone() -> tuple[int, int]:
    """What `is_private` counts for an array and its base that nobody else has: this differs between Pythons."""

    def counted(g: Any) -> tuple[int, int]:
        base = g.base
        return getrefcount(g), getrefcount(base)

    g = np.zeros(4).reshape(2, 2)
    return counted(g)


_ALONE, _ALONE_BASE = _alone()


def run_hooks(hooks: list[Callable], g: Any) -> Any:
    """A gradient after its hooks, which see Tensors."""
    given = isinstance(g, Tensor)
    tensor = g if given else wrap(g)
    for hook in tuple(hooks):
        result = hook(tensor)
        if result is not None:
            if not isinstance(result, Tensor) or result.shape != tensor.shape:
                got = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
                raise RuntimeError(f"a hook must return None or a Tensor of shape {tuple(tensor.shape)}, got {got}")
            tensor = result
    return tensor if given else tensor.array


def check_unchanged(order: list[Node], create_graph: bool) -> None:
    """Raise if a value that a node has saved, and that this pass will look at, was changed in place since."""
    marks = list(graph.marks.values())  # in one go: arrays that are collected meanwhile leave the table
    if not order or not any(mark.time > order[0].order for mark in marks):
        return
    for node in order:
        if node.saved and type(node.saved) is tuple:
            for array in arrays(node.saved[i] for i in looked_at(node.plan, create_graph)):
                if changed_since(array, node.order):
                    place = f" in {node.call.scope.path}" if node.call is not None else ""
                    raise RuntimeError(
                        "one of the variables needed for gradient computation has been modified by an inplace operation: "
                        f"{node.op.name}{place} had saved a value of shape {tuple(array.shape)} that was changed since; "
                        "use an operation that is not in place, or change a .clone()"
                    )


def arrays(values: Iterable) -> Iterable:
    """The arrays among values, and in the tuples and lists among them."""
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from arrays(value)
        elif hasattr(value, "dtype"):
            yield value


def looked_at(plan: Plan, create_graph: bool) -> Iterable[int]:
    """Where among what a node has saved are the arrays that its rule, or with `create_graph` its formula, takes."""
    op = plan.op
    if op.formula is None:
        return plan.data
    assert op.joint is not None  # what a formula stands beside
    names = op.names if create_graph else op.wants(op.joint)
    return [i for i in plan.data if plan.saves[i] in names]


# ---- what the user calls -----------------------------------------------------------------------------------------


def _tuple(value: Any) -> tuple:
    return (value,) if isinstance(value, Tensor) or value is None else tuple(value)


def seed(outputs: Sequence[Tensor], given: Sequence, create_graph: bool) -> dict:
    """The gradients a backward pass starts from, checked."""
    if len(given) != len(outputs):
        raise RuntimeError(f"expected one gradient for each of {len(outputs)} outputs, got {len(given)}")
    seeds: dict = {}
    for output, g in zip(outputs, given, strict=True):
        if not output.needs_grad:
            raise RuntimeError(
                "element 0 of tensors does not require grad and does not have a grad_fn: nothing it was computed from "
                "requires grad, or it was computed under no_grad() or after detach()"
            )
        if g is None:
            if output.array.size != 1:
                raise RuntimeError(
                    f"grad can be implicitly created only for scalar outputs, this one has shape {tuple(output.shape)}; "
                    "reduce it, for example with .sum() or .mean(), or pass gradient="
                )
            array = output.array
            g = array.dtype.type(1) if isinstance(array, np.generic) else np.ones_like(array)
            g = wrap(g) if create_graph else g
        else:
            g = g if isinstance(g, Tensor) else wrap(np.asarray(g))
            if g.shape != output.shape:
                raise RuntimeError(
                    f"Mismatch in shape: the gradient has shape {tuple(g.shape)} and the output {tuple(output.shape)}"
                )
            if g.dtype != output.dtype:
                g = g.to(output.dtype)
            g = g if create_graph else g.array
        source = output.grad_fn or output
        if source in seeds:
            g = seeds[source] + g
        seeds[source] = g
    return seeds


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` with respect to the leaves to the leaves' `grad`; see `Tensor.backward`."""
    outputs = _tuple(tensors)
    given = (None,) * len(outputs) if grad_tensors is None else _tuple(grad_tensors)
    targets = None
    if inputs is not None:
        inputs = _tuple(inputs)
        if not inputs:
            raise RuntimeError("inputs= was empty; leave it out for the gradients of all leaves")
        if any(not t.needs_grad for t in inputs):
            raise RuntimeError("one of inputs= does not require grad")
        targets = {t.grad_fn or t: t for t in inputs}
    seeds = seed(outputs, given, create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    found = gradients(seeds, None if targets is None else set(targets), retain, create_graph)
    for source in [*found]:
        leaf, g = source if targets is None else targets[source], found.pop(source)
        if leaf.grad is None:
            leaf.grad = g if isinstance(g, Tensor) else wrap(g if is_private(g) else g.copy())
        else:
            accumulate(leaf, g)
        if leaf.after_grad:
            with set_grad_enabled(create_graph):  # a hook may be the optimizer's step
                for hook in tuple(leaf.after_grad):
                    hook(leaf)


Tensor._propagate = backward


def accumulate(leaf: Tensor, g: Any) -> None:
    """Add a gradient to the one that a leaf has."""
    before: Any = leaf.grad
    if isinstance(g, Tensor):
        leaf.grad = before + g
    elif isinstance(before.array, np.generic) or before.needs_grad:
        leaf.grad = wrap(before.array + g)
    else:
        np.add(before.array, g, out=before.array)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """The gradients of `outputs` with respect to `inputs`, summed over the outputs; no tensor's `grad` changes.

    Args:
        outputs: a Tensor or several.
        inputs: a Tensor or several, anywhere in their graph.
        grad_outputs: the gradient of something with respect to each output; a scalar needs none.
        retain_graph: keep what the graph has saved, for another pass.  Default: `create_graph`.
        create_graph: record the pass, so that what it returns can be differentiated again.
        only_inputs: accepted for PyTorch's sake.
        allow_unused: None instead of an error for an input that the outputs do not depend on.
        is_grads_batched: `grad_outputs` have a leading dimension, over which the pass is repeated.
        materialize_grads: zeros instead of None for those.

    Returns:
        A tuple with one Tensor (or None) per input.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad.html

    >>> import autograd as ag
    >>> x = ag.tensor(3.0, requires_grad=True)
    >>> (dx,) = ag.autograd.grad(x**3, x, create_graph=True)
    >>> ag.autograd.grad(dx, x)
    (tensor(18.),)
    """
    outputs, inputs = _tuple(outputs), _tuple(inputs)
    if materialize_grads and allow_unused is False:
        raise ValueError("materialize_grads=True needs allow_unused=True or None")
    given = (None,) * len(outputs) if grad_outputs is None else _tuple(grad_outputs)
    if is_grads_batched:
        return batched(outputs, inputs, given, retain_graph, create_graph, allow_unused, materialize_grads)
    for i, x in enumerate(inputs):
        if not x.needs_grad:
            raise RuntimeError(
                f"input {i} of grad() does not require grad: One of the differentiated Tensors does not require grad"
            )
    seeds = seed(outputs, given, create_graph)
    sources = [x.grad_fn or x for x in inputs]
    found = gradients(seeds, set(sources), create_graph if retain_graph is None else retain_graph, create_graph)
    results = []
    for i, (x, source) in enumerate(zip(inputs, sources, strict=True)):
        g = found.get(source)
        if g is None:
            if not (allow_unused or materialize_grads):
                raise RuntimeError(
                    f"One of the differentiated Tensors appears to not have been used in the graph: input {i} of shape "
                    f"{tuple(x.shape)}; pass allow_unused=True if that is meant"
                )
            results.append(wrap(np.zeros_like(x.array)) if materialize_grads else None)
            continue
        results.append(g if isinstance(g, Tensor) else wrap(g if is_private(g, held=1) else g.copy()))
    return tuple(results)


def batched(outputs: tuple, inputs: tuple, given: tuple, retain: Any, create: bool, unused: Any, zeros: bool) -> tuple:
    """`grad` for each of a batch of `grad_outputs`, stacked."""
    from .ops.joining import stack

    count = given[0].shape[0]
    rows = [
        grad(
            outputs,
            inputs,
            tuple(g[i] for g in given),
            retain_graph=True if i + 1 < count else retain,
            create_graph=create,
            allow_unused=unused,
            materialize_grads=zeros,
        )
        for i in range(count)
    ]
    return tuple(None if column[0] is None else stack(column) for column in zip(*rows, strict=True))
