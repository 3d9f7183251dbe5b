"""Hooks of the graph rather than of one tensor: around the rules of a node, and on the gradients of several tensors."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from .graph import Node, RemovableHandle, edge, state
from .tensor import Tensor, unwrap, wrap

__all__ = ["GradientEdge", "get_gradient_edge", "register_multi_grad_hook"]


class AfterRules:
    """What `Node.register_hook` keeps among the hooks of a node: nothing happens where those run, before the rules."""

    last = 3

    def __init__(self, hook: Callable):
        self.hook = hook

    def __call__(self, gradient: Tensor) -> None:
        pass


class Watched:
    """Takes the place of a node's plan for one backward pass: what its rules return goes through hooks."""

    op = types.SimpleNamespace(formula=None, holomorphic=False, names=(), partial=True, variadic=False)
    deferring, rules, saves = False, (), ()

    def __init__(self, node: Node, hooks: list[Callable], create_graph: bool):
        self.node, self.hooks, self.create_graph = node, hooks, create_graph
        self.data, self.joint = node.plan.data, (self.rule, lambda saved: ())

    def rule(self, g: Any) -> list:
        """The gradients with respect to all arguments, as the hooks leave them."""
        from .backward import conform, partials

        node = self.node
        parts: list = [None] * len(node.parents)
        given = list(g) if isinstance(g, tuple) else g  # of several outputs
        for i, part, _ in partials(node, node.plan, given, node.saved, self.create_graph):
            parent = node.parents[i]
            if part is not None and parent is not None:
                parts[i] = conform(part, parent if type(parent) is Node else parent.array)
        outer = tuple(map(seen, g if isinstance(g, tuple) else (g,)))
        for hook in self.hooks:
            inner = tuple(map(seen, parts))
            replaced = hook(inner, outer)
            if replaced is None:
                continue
            shapes = shapes_of(inner)
            if not isinstance(replaced, tuple) or shapes_of(replaced) != shapes:
                raise RuntimeError(
                    f"a hook of {node.name()} must return None, or a tuple of gradients of shapes {shapes}"
                )
            parts[: len(replaced)] = replaced if self.create_graph else map(unwrap, replaced)
        return parts


def seen(gradient: Any) -> Tensor | None:
    """A gradient as a hook sees it."""
    return gradient if gradient is None or isinstance(gradient, Tensor) else wrap(gradient)


def shapes_of(gradients: tuple) -> list:
    """Their shapes, up to the last that is not None."""
    shapes = [None if g is None else tuple(g.shape) for g in gradients]
    while shapes and shapes[-1] is None:
        shapes.pop()
    return shapes


def planned(node: Node, create_graph: bool) -> Any:
    """The plan of a node that has hooks."""
    after = [hook.hook for hook in node.hooks or () if type(hook) is AfterRules]
    return Watched(node, after, create_graph) if after else node.plan


# ---- several tensors ---------------------------------------------------------------------------------------------


class _Handles:
    """Takes several hooks out again."""

    def __init__(self, handles: list[RemovableHandle]):
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable, *, mode: str = "all") -> _Handles:
    """Call `fn` once in each backward pass when gradients of `tensors` are known.

    Args:
        tensors: which require grad.
        fn: takes the list of all gradients, None for those that the pass does not reach; or, in the mode "any", the
            gradient that is known first.
        mode: "all" or "any".

    Source: https://docs.pytorch.org/docs/stable/autograd.html#torch.autograd.graph.register_multi_grad_hook

    >>> import autograd as ag
    >>> x, y = ag.tensor(2.0, requires_grad=True), ag.tensor(3.0, requires_grad=True)
    >>> handle = register_multi_grad_hook((x, y), print)
    >>> (x * y).backward()
    [tensor(3.), tensor(2.)]
    """
    if mode not in ("all", "any"):
        raise ValueError(f'register_multi_grad_hook: mode must be "all" or "any", got {mode!r}')
    sources = [t.grad_fn or t for t in tensors]
    current: Any = None  # the backward pass that the following belong to
    gradients: list = []
    missing = 0

    def hook_of(i: int) -> Callable:
        def arrived(g: Tensor) -> None:
            nonlocal current, gradients, missing
            if state.running is not current:
                from .backward import ancestors, leading_to, recorded

                current, gradients = state.running, [None] * len(sources)
                seeds, targets = current
                reached = set(ancestors(seeds) if targets is None else leading_to(recorded(seeds), targets))
                missing = sum(source in reached for source in sources) if mode == "all" else 1
            gradients[i] = g
            missing -= 1
            if missing == 0:
                fn(gradients if mode == "all" else g)

        return arrived

    return _Handles([t.register_hook(hook_of(i)) for i, t in enumerate(tensors)])


class GradientEdge:
    """Where a gradient goes: a node, and which of its outputs."""

    def __init__(self, node: Any, output_nr: int, ownership_token: Any = None):
        self.node, self.output_nr, self.ownership_token = node, output_nr, ownership_token


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge of the graph along which the gradient of `tensor` comes."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*edge(tensor.grad_fn or tensor))
