"""``torch.amp``: programs for mixed precision run, in the precision of their tensors.

A `GradScaler` does its work, for models in float16.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from .device import cupy
from .device import device as Device
from .graph import mutated
from .tensor import Tensor, share

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


class autocast(contextlib.ContextDecorator):
    """Around it PyTorch chooses a lower precision for some ops; here each computes in that of its arguments.

    Args:
        device_type: ``"cpu"`` or ``"cuda"``.
        dtype, enabled, cache_enabled: accepted for PyTorch's sake.

    >>> import autograd as ag
    >>> with autocast("cpu", dtype=ag.bfloat16):
    ...     (ag.ones(2, 2) @ ag.ones(2, 2)).dtype
    dtype('float32')
    """

    def __init__(self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None):
        Device(device_type)

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class GradScaler:
    """Scale the loss, so that small gradients do not vanish in float16, and skip the steps in which large ones overflow.

    Args:
        device: ``"cuda"`` scales only where there is a GPU, as in PyTorch; ``"cpu"`` always.
        init_scale: the first factor.
        growth_factor: by which it grows after `growth_interval` steps without inf or nan.
        backoff_factor: by which it shrinks after a step with them.
        enabled: False makes `scale` return the loss itself and `step` the optimizer's.

    Source: https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling

    >>> import autograd as ag, nn, optim
    >>> model = nn.Linear(2, 1)
    >>> optimizer, scaler = optim.SGD(model.parameters(), lr=0.1), GradScaler("cpu")
    >>> scaler.scale(model(ag.ones(1, 2)).sum()).backward()
    >>> _ = scaler.step(optimizer)
    >>> scaler.update()
    >>> model.weight.grad
    tensor([[1., 1.]])
    """

    def __init__(
        self,
        device: Any = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        if enabled and not growth_factor > 1.0 > backoff_factor:
            raise ValueError(
                f"expected growth_factor > 1 and backoff_factor < 1, got {growth_factor} and {backoff_factor}"
            )
        if enabled and Device(device).type == "cuda":
            try:
                cupy()
            except RuntimeError:
                warnings.warn("GradScaler is enabled, but there is no GPU: it scales nothing", stacklevel=2)
                enabled = False
        self._enabled = enabled
        self._scale, self._growth_factor, self._backoff_factor = float(init_scale), growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker = growth_interval, 0
        self._finite: dict[int, bool] = {}  # by optimizer, since the last update(): were all its gradients?
        self._stepped: set[int] = set()

    def scale(self, outputs: Any) -> Any:
        """A loss, or several in lists and tuples, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, Iterable):
            return type(outputs)(self.scale(o) for o in outputs)  # type: ignore[call-arg]
        raise ValueError(f"expected a Tensor or several, got {type(outputs).__name__}")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, for instance before they are clipped."""
        if not self._enabled:
            return
        if id(optimizer) in self._stepped:
            raise RuntimeError("unscale_() is being called after step().")
        if id(optimizer) in self._finite:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for g in grads:
            array = share(g)
            array *= array.dtype.type(1 / self._scale)
            mutated(array)
        self._finite[id(optimizer)] = all(bool(np.isfinite(g.array).all()) for g in grads)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step()`` if all gradients are finite; unscales them first, unless `unscale_` has."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise RuntimeError("expected step() without a closure: each evaluation would need a scale of its own")
        if id(optimizer) in self._stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if id(optimizer) not in self._finite:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return optimizer.step() if self._finite[id(optimizer)] else None

    def update(self, new_scale: Any = None) -> None:
        """Choose the next scale: `new_scale`, or by what the steps since the last update met."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._finite:
            raise RuntimeError("expected a step() or unscale_() before update(): no inf checks were recorded")
        elif not all(self._finite.values()):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                self._scale *= self._growth_factor
                self._growth_tracker = 0
        self._finite, self._stepped = {}, set()

    def get_scale(self) -> float:
        """The scale; 1 if it is not enabled."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self) -> bool:
        """Does it scale?"""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes back; empty if it is not enabled."""
        names = ("growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")
        values = (self._growth_factor, self._backoff_factor, self._growth_interval, self._growth_tracker)
        return {"scale": self._scale, **dict(zip(names, values, strict=True))} if self._enabled else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("expected the state of a GradScaler that was enabled, got an empty one")
        self._scale, self._growth_factor = state_dict["scale"], state_dict["growth_factor"]
        self._backoff_factor, self._growth_interval = state_dict["backoff_factor"], state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]


def custom_fwd(forward: Any = None, *, device_type: str | None = None, cast_inputs: Any = None) -> Any:
    """The `forward` of an `autograd.Function` itself: `autocast` changes no precision that it would have to know of."""
    return forward if forward is not None else (lambda forward: forward)


custom_bwd = custom_fwd


def is_autocast_available(device_type: str) -> bool:
    """True for the devices that there are."""
    return Device(device_type).type in ("cpu", "cuda")
