"""``torch.utils.checkpoint``: memory for time.  What a part of a model computed is not kept, but computed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backward import ancestors
from ..graph import Node, changed_since, clock, enable_grad, state
from ..nested import tensors_in
from ..random import default_generator
from ..tensor import Tensor

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args)``, whose intermediate values are not kept but computed again in the backward pass.

    Memory for time: a part of a model run in this way keeps only its inputs.  The graph itself stays, so that
    derivatives of any order and gradients of everything the function uses are as without it.

    Args:
        function: deterministic; random numbers from the default generator are drawn again as they were.
        use_reentrant: accepted for PyTorch's sake.
        preserve_rng_state: draw the same random numbers again.

    Source: Chen et al. 2016, https://arxiv.org/abs/1604.06174

    >>> import autograd as ag
    >>> x = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: x.exp().sin(), x).sum().backward()
    >>> x.grad
    tensor([-2.4784,  3.3129])
    """
    if not state.grad:
        return function(*args, **kwargs)
    before = default_generator.numpy.bit_generator.state if preserve_rng_state else None
    since = clock()
    result = function(*args, **kwargs)
    nodes = _recorded(result, since)

    def rerun() -> list[Node]:
        held = default_generator.numpy.bit_generator.state
        if before is not None:
            default_generator.numpy.bit_generator.state = before
        try:
            with enable_grad():
                start = clock()
                fresh = [a.detach().requires_grad_(a.needs_grad) if isinstance(a, Tensor) else a for a in args]
                return _recorded(function(*fresh, **kwargs), start)
        finally:
            default_generator.numpy.bit_generator.state = held

    segment = _Segment(nodes, rerun)
    for node in nodes:
        if type(node.saved) is tuple and node.saved:
            node.saved = segment
    return result


def checkpoint_sequential(functions: Any, segments: int, input: Any, **options: Any) -> Any:
    """`checkpoint` for a `Sequential` or a list of functions, in that many segments; the last keeps its values.

    >>> import autograd as ag
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> checkpoint_sequential([ag.exp, ag.sin, ag.exp], 2, x).backward()
    >>> x.grad
    tensor(8.0986)
    """
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments
    if not 0 < segments <= len(functions):
        raise ValueError(f"expected 1 to {len(functions)} segments, one function or more in each, got {segments}")

    def run(start: int, end: int, value: Any) -> Any:
        for function in functions[start:end]:
            value = function(value)
        return value

    for i in range(segments - 1):
        input = checkpoint(run, i * size, (i + 1) * size, input, **options)
    return run((segments - 1) * size, len(functions), input)


class _Segment:
    """A part of the graph that threw its saved values away, and how to get them again."""

    def __init__(self, nodes: list[Node], rerun: Callable[[], list[Node]]):
        self.nodes, self.rerun = nodes, rerun
        self.leaves = [p for n in nodes for p in n.parents if isinstance(p, Tensor)]
        self.made = clock()

    def recompute(self) -> None:
        for leaf in self.leaves:
            if changed_since(leaf.array, self.made):
                raise RuntimeError(
                    f"a checkpointed tensor of shape {tuple(leaf.shape)} was changed in place before the backward pass, so its "
                    "segment cannot be computed again; run backward() before optimizer.step()"
                )
        fresh = self.rerun()
        if [n.op.name for n in fresh] != [n.op.name for n in self.nodes]:
            raise RuntimeError(
                f"a checkpointed function did not run the same operations again ({len(self.nodes)} before, {len(fresh)} now); "
                "it must be deterministic"
            )
        for node, again in zip(self.nodes, fresh, strict=True):
            if node.saved is self:
                node.saved = again.saved


def _recorded(outputs: Any, since: int) -> list[Node]:
    """The nodes made after a moment that lead to these outputs, oldest first."""
    sources = {t.grad_fn for t in tensors_in(outputs) if t.grad_fn is not None}
    return [n for n in ancestors(sources) if n.order > since]
