"""From what ran to a `Graph` of plain values: from the engine's tape alone, or from what `record` noted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..backward import ancestors, gradients
from ..graph import Call as EngineCall
from ..graph import Node as EngineNode
from ..op import OUTPUT
from ..tensor import Tensor
from .names import Names
from .numbers import argument_text, host, scalar_text, stats
from .structure import Call, Graph, Node, Param, Stats

__all__ = ["Event", "Leaf", "assemble", "from_tape"]

INDEXING = {"getitem", "put", "index_put", "slice"}  # their index is text
NOISE = {"mask", "drops", "noise"}  # arrays that an op was given by its own function: printed in it
PROXIES = 3  # a tensor with more uses than this is printed in the ops that use it, not drawn as a box with a fan


@dataclass(slots=True, eq=False)
class Leaf:
    """A tensor that no op made, as the picture needs it."""

    key: int  # identity of the tensor, or of its array
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    requires_grad: bool = False
    name: str = ""
    role: str = ""  # "parameter", "buffer", "input", "inside" (an array that only its op knows), or nothing
    text: str = ""
    grad: Stats | None = None
    value: Stats | None = None


@dataclass(slots=True, eq=False)
class Event:
    """An op that ran.  `inputs` are (argument number, the event or leaf it came from)."""

    op: str
    inputs: list[tuple[int, Event | Leaf]]
    kind: str = "op"
    name: str = ""
    call: EngineCall | None = None
    arguments: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    nbytes: int = 0
    saved_nbytes: int = 0
    requires_grad: bool = False
    forward_ns: int | None = None
    backward_ns: int | None = None
    source: str = ""
    value: Stats | None = None
    grad: Stats | None = None
    text: str = ""
    stop: str = ""
    error: str = ""
    from_grad: bool = False  # does an argument need a gradient?


dtype_name = cache(str)  # NumPy takes its time to spell float32


def leaf_of(tensor: Tensor, names: Names, inputs: dict[int, str]) -> Leaf:
    """Describe a tensor that no op made."""
    key, array = id(tensor), tensor.array
    leaf = Leaf(key, tuple(array.shape), str(array.dtype), int(array.nbytes), tensor.needs_grad)
    if key in inputs:
        leaf.name, leaf.role = inputs[key], "input"
    elif key in names.parameters:
        leaf.name, leaf.role = names.parameters[key], "parameter"
    elif key in names.buffers:
        leaf.name, leaf.role = names.buffers[key], "buffer"
    else:
        leaf.name = names.variables.get(key, "")
        if type(tensor).__name__ == "Parameter":
            leaf.role = "parameter"
    if not leaf.shape:
        leaf.text = scalar_text(host(array)[()])
        leaf.value = stats(array)
    if tensor.grad is not None:
        leaf.grad = stats(tensor.grad.array)
    return leaf


# ---- the tape -------------------------------------------------------------------------------------------------------


def from_tape(outputs: Sequence[Tensor], names: Names, with_grads: bool | None = False) -> Graph:
    """The graph that the engine has recorded behind `outputs`.

    Args:
        outputs: tensors with a graph.
        names: what things are called.
        with_grads: run a backward pass of its own to know the gradient of every op, if nothing was freed; leaves' `grad`
            stay as they are.  None: do so for graphs of scalars only.
    """
    roots = [tensor.grad_fn if tensor.grad_fn is not None else tensor for tensor in outputs]
    order = ancestors(roots)
    scalar = all(item.shape == () for item in order)
    grads = tape_gradients(outputs, order) if with_grads or (with_grads is None and scalar) else {}
    values = scalar_values(order, outputs, names) if scalar else {}
    events: dict[Any, Event | Leaf] = {}
    constants: dict[int, tuple[Leaf, Any]] = {}
    for item in order:
        if not isinstance(item, EngineNode):
            leaf = events[item] = leaf_of(item, names, {})
            if item in grads and leaf.grad is None:
                leaf.grad = stats(grads[item])
            continue
        event = events[item] = _tape_event(item, events, names, constants)
        if item in grads:
            event.grad = stats(grads[item])
        if item in values:
            event.value = stats(values[item])
    for leaf, array in constants.values():
        name_constant(leaf, array, names)
    ran = [event for event in events.values() if isinstance(event, Event)]
    return assemble(ran, [events[root] for root in roots], names, scalar=scalar)


def _tape_event(
    node: EngineNode, events: dict[Any, Any], names: Names, constants: dict[int, tuple[Leaf, Any]]
) -> Event:
    if node.plan is OUTPUT:
        event = Event("output", [(0, events[node.parents[0]])], "pick", text=str(node.saved))
    else:
        arguments, given = node.op.names, _saved_arguments(node)
        if node.op.variadic:
            arguments = ()
        event = Event(node.op.name, [], arguments=arguments)
        texts = []
        for i, parent in enumerate(node.parents):
            if parent is not None:
                event.inputs.append((i, events[parent]))
                continue
            value: Any = given.get(i)
            if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__cuda_array_interface__"):
                if node.op.name in INDEXING:
                    continue
                made = Leaf(id(value), tuple(value.shape), dtype_name(value.dtype), int(value.nbytes))
                leaf, _ = constants.setdefault(id(value), (made, value))
                if not leaf.shape:
                    leaf.text = scalar_text(host(value)[()])
                if not node.op.variadic and arguments[i] in NOISE:
                    leaf.role = "inside"
                event.inputs.append((i, leaf))
            elif i in given:
                name = "" if node.op.variadic else arguments[i]
                texts.append(argument_text(name, value, None if node.op.variadic else node.op.defaults[i]))
        event.text = ", ".join(filter(None, texts))
        event.saved_nbytes = saved_bytes(node)
    event.call, event.requires_grad = node.call, True
    several = isinstance(node.dtype, tuple)
    event.shape = None if several else tuple(node.shape)
    event.dtype = "" if several else dtype_name(node.dtype)
    if not several:
        event.nbytes = prod(node.shape) * node.dtype.itemsize
    event.source = node.source or ""
    if id(node) in names.nodes:
        event.name, tensor = names.nodes[id(node)]
        if tensor.grad_fn is node and node.plan is not OUTPUT and tensor.shape == ():
            event.value = stats(tensor.array)
    return event


def _saved_arguments(node: EngineNode) -> dict[int, Any]:
    """What the tape still has of the arguments, by their number."""
    if not node.saved or node.op.variadic:
        if node.saved and node.op.variadic:
            for name, value in zip(node.plan.saves, node.saved, strict=False):
                if name == node.op.names[0]:
                    return dict(enumerate(value))
        return {}
    index = node.op.index
    return {index[name]: value for name, value in zip(node.plan.saves, node.saved, strict=False) if name in index}


def saved_bytes(node: EngineNode) -> int:
    """Bytes of the arrays that the node keeps for the backward pass, parameters and other leaves apart."""
    if not node.saved:
        return 0
    leaves = {id(parent.array) for parent in node.parents if isinstance(parent, Tensor)}
    total, seen = 0, set()
    for value in node.saved:
        for array in value if isinstance(value, tuple) else (value,):
            if hasattr(array, "nbytes") and id(array) not in leaves and id(array) not in seen:
                seen.add(id(array))
                total += int(array.nbytes)
    return total


def name_constant(leaf: Leaf, array: Any, names: Names) -> None:
    """Name an array that is the memory of a tensor the user has; it is then no business of its op alone."""
    found = names.by_array().get(id(array))
    if found is None:
        return
    key = id(found)
    if key in names.buffers:
        leaf.name, leaf.role = names.buffers[key], "buffer"
    elif key in names.variables:
        leaf.name, leaf.role = names.variables[key], ""


def tape_gradients(outputs: Sequence[Tensor], order: Iterable[Any]) -> dict[Any, Any]:
    """The gradient of the (sum of the) outputs at every node, while the tape is whole; nothing otherwise."""
    nodes = [item for item in order if isinstance(item, EngineNode)]
    if any(node.saved is None for node in nodes) or not all(tensor.needs_grad for tensor in outputs):
        return {}
    targets = {item for item in order if not (isinstance(item, EngineNode) and isinstance(item.dtype, tuple))}
    seeds: dict[Any, Any] = {}
    for tensor in outputs:
        source = tensor.grad_fn if tensor.grad_fn is not None else tensor
        seeds[source] = np.ones_like(tensor.array)
    hooks = [(item, item.hooks) for item in order if item.hooks]
    for item, _ in hooks:  # the user's hooks are for the user's backward passes
        item.hooks = None
    try:
        return gradients(seeds, targets, retain_graph=True, create_graph=False)
    finally:
        for item, kept in hooks:
            item.hooks = kept


def scalar_values(order: Iterable[Any], outputs: Sequence[Tensor], names: Names) -> dict[Any, Any]:
    """Values of a graph of scalars: what is still known, and what follows from it by running the ops again."""
    values: dict[Any, Any] = {}
    for tensor in [*outputs, *(tensor for _, tensor in names.nodes.values())]:
        if tensor.grad_fn is not None:
            values[tensor.grad_fn] = tensor.array
    for item in order:
        if not isinstance(item, EngineNode):
            values[item] = item.array
            continue
        given = _saved_arguments(item)
        for i, parent in enumerate(item.parents):
            if parent is not None and given.get(i) is not None:
                values.setdefault(parent, given[i])
        if item in values or item.plan is OUTPUT or item.op.variadic:
            continue
        if item.saved and "out" in item.plan.saves:
            out = item.saved[item.plan.saves.index("out")]
            if out is not None:
                values[item] = out
                continue
        arguments = [values.get(p) if p is not None else given.get(i) for i, p in enumerate(item.parents)]
        if len(arguments) <= 2 and all(a is not None for a in arguments):
            with np.errstate(all="ignore"):
                values[item] = item.op.forward(*arguments)
    return values


# ---- putting it together --------------------------------------------------------------------------------------------


def assemble(events: Sequence[Event], outputs: Sequence[Any], names: Names, scalar: bool = False) -> Graph:
    """Number events and leaves in topological order, decide which leaves are boxes, and name everything.

    Args:
        events: ops in the order they ran.
        outputs: the events (or leaves) that the graph is about.
        names: what things are called.
        scalar: all tensors are scalars: each leaf is a box.
    """
    uses: dict[Leaf, int] = {}
    for event in events:
        if event.kind == "pick":
            _speak_for(event)
        for _, source in event.inputs:
            if isinstance(source, Leaf):
                uses[source] = uses.get(source, 0) + 1
    for leaf in outputs:
        if isinstance(leaf, Leaf):
            uses.setdefault(leaf, 0)
            leaf.role = "input"
    names.settle({leaf.key for leaf in uses})
    for leaf in uses:
        if leaf.role == "parameter" and leaf.key in names.parameters:
            leaf.name = names.parameters[leaf.key]
    boxed = {leaf for leaf, count in uses.items() if _is_box(leaf, count, scalar)}
    calls, call_ids, chains = _calls(events, names)
    starts = _top_level_starts(events, call_ids, chains)
    before = _first_uses(events, boxed, starts)
    placed = {leaf for leaves in before.values() for leaf in leaves}
    nodes: list[Node] = []
    place: dict[Any, int] = {}

    def box(leaf: Leaf, call: int) -> None:
        place[leaf] = len(nodes)
        kind = "input" if leaf.name or leaf.requires_grad else "constant"
        nodes.append(
            Node(
                len(nodes), kind, (), kind, leaf.name, call, (), leaf.shape, leaf.dtype, leaf.nbytes, 0,
                leaf.requires_grad, value=leaf.value, grad=leaf.grad, text=leaf.text,
            )
        )  # fmt: skip

    for leaf in [*before.get(-1, ()), *(leaf for leaf in outputs if isinstance(leaf, Leaf) and leaf not in placed)]:
        box(leaf, -1)
    for position, event in enumerate(events):
        for leaf in before.get(position, ()):
            box(leaf, starts[position][1])
        place[event] = len(nodes)
        nodes.append(_node(event, len(nodes), place, boxed, call_ids))
    ran_backward = any(node.grad is not None or any(p.grad for p in node.params) for node in nodes)
    return Graph(tuple(nodes), calls, tuple(place[output] for output in outputs), _parameters(names), ran_backward)


def _first_uses(events: Sequence[Event], boxed: set[Leaf], starts: list[tuple[int, int]]) -> dict[int, list[Leaf]]:
    """The leaves that are boxes by the event that they come before; −1: before all."""
    alike: dict[tuple, int] = {}
    for leaf in boxed:
        alike[leaf.shape, leaf.dtype] = alike.get((leaf.shape, leaf.dtype), 0) + 1
    before: dict[int, list[Leaf]] = {}
    placed: set[Leaf] = set()
    for position, event in enumerate(events):
        for _, source in event.inputs:
            if isinstance(source, Leaf) and source in boxed and source not in placed:
                placed.add(source)
                # A few constants come first of all; one of many (each step has its own) stays with what uses it.
                few = alike[source.shape, source.dtype] <= PROXIES
                first = -1 if source.role == "input" or few else starts[position][0]
                before.setdefault(first, []).append(source)
    return before


def _speak_for(pick: Event) -> None:
    """An op with several outputs shows the statistics of the largest."""
    op = pick.inputs[0][1]
    for name in ("value", "grad"):
        mine, known = getattr(pick, name), getattr(op, name)
        if mine is not None and (known is None or mine.rms > known.rms or mine.bad):
            setattr(op, name, mine)


def _is_box(leaf: Leaf, count: int, scalar: bool) -> bool:
    if scalar or leaf.role == "input":
        return True
    if leaf.role in ("parameter", "buffer", "inside"):
        return False
    if not leaf.shape and leaf.text and not leaf.requires_grad and not leaf.name:
        return False  # a number
    return count <= PROXIES


def _node(event: Event, number: int, place: dict[Any, int], boxed: set[Leaf], call_ids: dict[Any, int]) -> Node:
    inputs, params, texts = [], [], [event.text] if event.text else []
    for argument, source in event.inputs:
        if isinstance(source, Event) or source in boxed:
            inputs.append(place[source])
        elif source.text and not source.name and not source.requires_grad:
            texts.insert(0, source.text)
        else:
            name = source.name or (event.arguments[argument] if argument < len(event.arguments) else "tensor")
            params.append(
                Param(name, source.shape, source.dtype, argument, source.requires_grad, source.grad, source.value)
            )
    text = ", ".join(texts)
    return Node(
        number, event.op, tuple(inputs), event.kind, event.name, call_ids.get(event.call, -1), tuple(params),
        event.shape, event.dtype, event.nbytes, event.saved_nbytes, event.requires_grad, event.forward_ns,
        event.backward_ns, event.source, event.value, event.grad, text, event.stop, event.error,
    )  # fmt: skip


def _calls(events: Sequence[Event], names: Names) -> tuple[tuple[Call, ...], dict[Any, int], dict[Any, tuple]]:
    """The module calls that took part, numbered in the order they began to matter, and the chain around each."""
    calls: list[Call] = []
    ids: dict[Any, int] = {None: -1}
    chains: dict[Any, tuple] = {None: ()}
    counts: dict[tuple[str, str, int], int] = {}
    for event in events:
        if event.call in ids:
            continue
        fresh, call = [], event.call
        while call not in ids:
            assert call is not None
            fresh.append(call)
            call = call.parent
        for call in reversed(fresh):
            ids[call] = len(calls)
            path, kind = call.scope.path, call.scope.kind
            outer = chains[call.parent][0].scope if chains[call.parent] else call.scope
            prefix = names.prefixes.get(id(outer), "")
            if names.given or prefix:  # a part of a larger model was asked about: its names begin at itself
                path = path.removeprefix(outer.path).removeprefix(".")
            path = ".".join(filter(None, (prefix, path)))
            # Counted within this graph, not since the module was made: the same program gives the same graph.
            key = path, kind, id(call.scope)
            counts[key] = counts.get(key, -1) + 1
            calls.append(Call(path, kind, counts[key], ids[call.parent]))
            chains[call] = (*chains[call.parent], call)
    return tuple(calls), ids, chains


def _top_level_starts(
    events: Sequence[Event], call_ids: dict[Any, int], chains: dict[Any, tuple]
) -> list[tuple[int, int]]:
    """For each event, where the outermost thing it is part of begins, and the call that contains that thing.

    A constant goes there, so that it does not cut through a module's frame.
    """
    roots = {chain[0] for chain in chains.values() if chain}
    root = roots.pop() if len(roots) == 1 else None
    starts: list[tuple[int, int]] = []
    last: Any = None
    start = 0
    for position, event in enumerate(events):
        chain = chains[event.call]
        inside = bool(chain) and chain[0] is root
        thing = chain[inside] if len(chain) > inside else event
        if thing is not last or thing is event:
            last, start = thing, position
        starts.append((start, call_ids[root] if inside else -1))
    return starts


def _parameters(names: Names) -> tuple[Param, ...]:
    """All named parameters, used or not: a question about one that is not used has an answer too."""
    found = []
    for key in names.taking_part():
        name, tensor = names.parameters[key], names.kept[key]
        grad = None if tensor.grad is None else stats(tensor.grad.array)
        array = tensor.array
        found.append(Param(name, tuple(array.shape), str(array.dtype), -1, tensor.needs_grad, grad))
    return tuple(found)
