"""Full backward hooks: what a module's hooks see of the gradients of its outputs and of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.op import op
from autograd.tensor import Tensor, unwrap, wrap

__all__ = ["BackwardHooks"]


@op(method=False, partial=True, joint=lambda g, hook: hook(g))
def module_boundary(*xs, hook):
    """The tensors on one side of a module, unchanged; on the way back their gradients pass through `hook`."""
    return tuple(x.copy() for x in xs)


class BackwardHooks:
    """The backward hooks of one call of a module.

    The module's inputs and its outputs each pass through one node, so that all gradients of a side are seen at once.
    """

    def __init__(self, module: Any, hooks: tuple[Callable, ...], pre_hooks: tuple[Callable, ...]):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_output: tuple = ()
        self.inputs: list[Any] = []
        self.watched = False  # does a gradient reach the inputs?

    def watch_inputs(self, args: tuple) -> tuple:
        """The arguments, with their gradients watched."""
        self.inputs = _forms(args)
        places = [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.needs_grad]
        if not places or not self.hooks:
            return args
        self.watched = True
        return _passed(args, places, lambda g: self.at_inputs(g, places))

    def watch_outputs(self, result: Any) -> Any:
        """The result of `forward`, with its gradients watched."""
        several = isinstance(result, (tuple, list))
        outputs = tuple(result) if several else (result,)
        places = [i for i, x in enumerate(outputs) if isinstance(x, Tensor) and x.needs_grad]
        if not places:
            return result
        forms = _forms(outputs)
        made = _passed(outputs, places, lambda g: self.at_outputs(g, places, forms))
        return type(result)(made) if several else made[0]

    def at_outputs(self, g: tuple, places: list[int], forms: list) -> tuple:
        """What becomes of the outputs' gradients: the pre-hooks may replace them."""
        grads = _spread(g, places, forms)
        for hook in self.pre_hooks:
            new = hook(self.module, grads)
            if new is not None:
                grads = _replaced(new, grads, "grad_output")
        self.grad_output = grads
        if not self.watched:
            nothing = (None,) * len(self.inputs)
            for hook in self.hooks:
                if hook(self.module, nothing, grads) is not None:
                    raise RuntimeError("a backward hook must return None where no input of the module requires grad")
        return _gathered(grads, places, g)

    def at_inputs(self, g: tuple, places: list[int]) -> tuple:
        """What becomes of the inputs' gradients: the hooks may replace them."""
        if not self.grad_output:  # they did not come through the outputs: a derivative of higher order
            return g
        grads = _spread(g, places, self.inputs)
        for hook in self.hooks:
            new = hook(self.module, grads, self.grad_output)
            if new is not None:
                grads = _replaced(new, grads, "grad_input")
        self.grad_output = ()
        return _gathered(grads, places, g)


def _passed(values: tuple, places: list[int], hook: Callable) -> tuple:
    """The values, those at `places` sent through a node whose gradients go through `hook`."""
    passed = module_boundary(*(values[i] for i in places), hook=hook)
    made = list(values)
    for i, value in zip(places, passed, strict=True):
        made[i] = value
    return tuple(made)


def _forms(values: tuple) -> list:
    """Shape and dtype of each value, None for what is no Tensor."""
    return [(x.array.shape, x.array.dtype) if isinstance(x, Tensor) else None for x in values]


def _spread(g: tuple, places: list[int], forms: list) -> tuple:
    """The gradients as Tensors: zeros for Tensors without one, None for other values."""
    like = next(unwrap(part) for part in g if part is not None)
    known = dict(zip(places, g, strict=True))
    grads: list[Any] = []
    for i, form in enumerate(forms):
        part = known.get(i)
        if part is None and form is not None:
            part = np.zeros_like(like, shape=form[0], dtype=form[1])
        grads.append(part if part is None or isinstance(part, Tensor) else wrap(part))
    return tuple(grads)


def _gathered(grads: tuple, places: list[int], like: tuple) -> tuple:
    """The gradients at `places`: arrays if they were arrays (a first-order backward pass), else Tensors."""
    tensors = any(isinstance(part, Tensor) for part in like)
    return tuple(part if part is None or tensors else part.array for part in (grads[i] for i in places))


def _replaced(new: Any, grads: tuple, name: str) -> tuple:
    new = new if isinstance(new, tuple) else (new,)
    if len(new) != len(grads):
        raise RuntimeError(
            f"Backward hook returned an invalid number of {name}, got {len(new)}, but expected {len(grads)}"
        )
    return new
