"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Tensor, enable_grad
from autograd.graph import mutated
from autograd.tensor import share, wrap

from .line_search import strong_wolfe
from .optimizer import Optimizer, ParamsT
from .options import check_lr, options, plain
from .packing import flat

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """The limited-memory quasi-Newton method, for full batches: each step runs up to `max_iter` iterations.

    It takes one group of parameters, on one device, and needs the closure.  It keeps up to `history_size` pairs of vectors
    as long as all parameters together.

    Args:
        params: parameters.
        lr: the length of each step, or the first one tried by the line search.
        max_iter: iterations per step.
        max_eval: evaluations of the closure per step.  Default: ``1.25 · max_iter``.
        tolerance_grad: stop when no element of the gradient is larger.
        tolerance_change: stop when neither the loss nor any parameter changes more.
        history_size: pairs of vectors that approximate the Hessian.
        line_search_fn: "strong_wolfe", or None for steps of fixed length.

    Source: Nocedal & Wright, Numerical Optimization, algorithms 7.4 and 7.5.

    >>> import autograd as ag
    >>> w = ag.tensor([3.0, -4.0], requires_grad=True)
    >>> optimizer = LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> first_loss = optimizer.step(closure)
    >>> w
    tensor([1.0000, 1.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        defaults = options(locals())
        check_lr(lr)
        defaults["max_eval"] = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Run up to `max_iter` iterations.

        Args:
            closure: computes the loss again, and its gradients.

        Returns:
            The loss before.
        """
        group = plain(self.param_groups[0])
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        params = group["params"]
        state = self.state[params[0]]  # one for all parameters, where PyTorch keeps it
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> tuple[float, Any]:
            nonlocal first
            with enable_grad():
                loss = closure()
            if loss is None:
                raise TypeError("the closure of LBFGS must return the loss, it returned None")
            first = loss if first is None else first
            return float(loss), gradient(params)

        first: Any = None
        with np.errstate(all="ignore"):
            loss, g = evaluate()
            state["func_evals"] += 1
            if largest(g) > group["tolerance_grad"]:
                self._iterate(group, state, evaluate, loss, g)
        return first

    def _iterate(self, group: dict, state: dict, evaluate: Callable, loss: float, g: Any) -> None:
        """Walk until something is small enough or used up.  Names of the state are PyTorch's: `old_dirs` are changes of the
        gradient, `old_stps` the steps, `ro` the inverses of their products, `d` and `t` direction and length of a step."""
        params, lr, change = group["params"], group["lr"], group["tolerance_change"]
        d, t = array(state.get("d")), number(state.get("t"))
        before, loss_before = array(state.get("prev_flat_grad")), state.get("prev_loss")
        history = History(group["history_size"], state)
        evaluations = 1
        for n_iter in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                history.clear()
                d = -g
                t = min(1.0, 1.0 / float(abs(g).sum())) * lr
            else:
                history.add(g - before, d * t)
                d, t = -history.multiply(g), lr
            before, loss_before = g, loss
            slope = float(g @ d)
            if slope > -change:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = [share(p).copy() for p in params]

                def probe(t: float, start: list = start, d: Any = d) -> tuple[float, Any]:
                    move(params, start, d, t)
                    return evaluate()

                loss, g, t, used = strong_wolfe(probe, t, d, loss, g, slope, group["max_eval"] - evaluations)
                move(params, start, d, t)
            else:
                move(params, [share(p).copy() for p in params], d, t)
                if n_iter != group["max_iter"]:  # after the last step the loss is not needed
                    loss, g = evaluate()
                    used = 1
            evaluations += used
            state["func_evals"] += used
            if (
                evaluations >= group["max_eval"]
                or largest(g) <= group["tolerance_grad"]
                or largest(d * t) <= change
                or abs(loss - loss_before) < change
            ):
                break
        state.update(d=wrap(d), t=t, **history.state(), prev_flat_grad=wrap(before), prev_loss=loss_before)


class History:
    """The last steps with their changes of the gradient: together they approximate the inverse Hessian."""

    def __init__(self, size: int, state: dict[str, Any]):
        self.size = size
        self.changes = [array(y) for y in state.get("old_dirs") or ()]
        self.steps = [array(s) for s in state.get("old_stps") or ()]
        self.inverses = [number(r) for r in state.get("ro") or ()]
        self.scale = number(state.get("H_diag", 1.0))

    def clear(self) -> None:
        self.__init__(self.size, {})

    def add(self, change: Any, step: Any) -> None:
        """Note a step and what it changed in the gradient, where the curvature along it is positive."""
        product = float(change @ step)
        if product <= 1e-10:
            return
        if len(self.steps) == self.size:
            del self.changes[0], self.steps[0], self.inverses[0]
        self.changes.append(change)
        self.steps.append(step)
        self.inverses.append(1.0 / product)
        self.scale = product / float(change @ change)

    def multiply(self, g: Any) -> Any:
        """The approximate inverse Hessian times a vector (the two-loop recursion)."""
        pairs = list(zip(self.changes, self.steps, self.inverses, strict=True))
        q, weights = g.copy(), []
        for change, step, inverse in reversed(pairs):
            weights.append(float(step @ q) * inverse)
            q -= weights[-1] * change
        q *= self.scale
        for change, step, inverse in pairs:
            q += (weights.pop() - float(change @ q) * inverse) * step
        return q

    def state(self) -> dict[str, Any]:
        """What is saved of it."""
        vectors = {"old_dirs": list(map(wrap, self.changes)), "old_stps": list(map(wrap, self.steps))}
        return vectors | {"ro": self.inverses, "H_diag": self.scale}


def gradient(params: list[Tensor]) -> Any:
    """The gradients of all parameters in a line; zeros where there is none."""
    return np.concatenate([flat(np.zeros_like(share(p)) if p.grad is None else share(p.grad)) for p in params])


def move(params: list[Tensor], start: list[Any], direction: Any, length: float) -> None:
    """Put parameters at `start + length · direction`."""
    position = 0
    for p, origin in zip(params, start, strict=True):
        line = flat(origin)
        moved = line + length * direction[position : position + line.size]
        position += line.size
        share(p)[...] = moved.astype(line.dtype).view(origin.dtype).reshape(origin.shape)
        mutated(p.array)


def largest(vector: Any) -> float:
    """The largest size of an element."""
    return float(abs(vector).max())


def array(value: Any) -> Any:
    """The array of a tensor in the state."""
    return share(value) if isinstance(value, Tensor) else value


def number(value: Any) -> Any:
    """A number in the state, which PyTorch keeps as a 0-d tensor."""
    return value.item() if isinstance(value, Tensor) else value
