"""Optimizer: parameter groups, state and hooks, as PyTorch's; a subclass adds one update rule on raw arrays."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

import numpy as np

from autograd import Tensor, enable_grad, set_grad_enabled
from autograd.device import to_device
from autograd.graph import RemovableHandle
from autograd.inplace import writable
from autograd.quiet import as_before, quiet
from autograd.tensor import share, wrap

from .options import required, scalar_dtype
from .packing import Arrangement, contiguous

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

ParamsT = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class Optimizer:
    """The base of all optimizers.

    A subclass is one update rule, `update`, that changes raw arrays in place, with what it keeps per parameter: `arrays` of
    the parameter's shape and `numbers`.  (One that overrides `step` instead, as PyTorch programs do, works too.)

    Args:
        params: tensors, ``(name, tensor)`` pairs, or dicts with "params" and the options of that group.
        defaults: the options of groups that do not give their own.

    All optimizers take some options for PyTorch's sake: `foreach`, `fused` and `capturable` choose between implementations
    there and change nothing here, where the one implementation is fast for many small parameters.  `differentiable` records
    the step itself: parameters may then be non-leaf tensors, and gradients flow through the update.

    Source: https://docs.pytorch.org/docs/stable/optim.html

    >>> import autograd as ag
    >>> class Sign(Optimizer):
    ...     def update(self, p, g, state, group):
    ...         p -= group["lr"] * np.sign(g)
    >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Sign([w], {"lr": 0.5}).step()
    >>> w
    tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    elementwise = True  # does the rule treat each element alone, so that many parameters may be laid end to end?

    def __init__(self, params: ParamsT, defaults: dict[str, Any]):
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}; put it into a list"
            )
        self.defaults = defaults
        self._state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._prepare()
        try:
            groups: list[Any] = list(params)
        except TypeError:
            raise TypeError(
                f"params is to be an iterable of Tensors or dicts, but got {type(params).__name__}: pass model.parameters()"
            ) from None
        if not groups:
            raise ValueError(
                "optimizer got an empty parameter list: pass model.parameters(), where modules are attributes of the model, "
                "or in a ModuleList or ModuleDict (in a plain list they are not found)"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _prepare(self) -> None:
        """Make what is not part of the saved state."""
        self.state_is_out = False  # could somebody else change the state?
        self._arrangements: defaultdict[int, Arrangement] = defaultdict(Arrangement)  # of each group
        for name in _HOOKS:
            vars(self).setdefault(name, OrderedDict())

    @property
    def state(self) -> defaultdict[Any, dict[str, Any]]:
        """What is kept per parameter, as PyTorch names it: ``state[p]["exp_avg"]``.

        From when somebody has asked for it, each step looks whether anything in it was replaced.
        """
        self.state_is_out = True
        return self._state

    @state.setter
    def state(self, state: defaultdict[Any, dict[str, Any]]) -> None:
        self._state, self.state_is_out = state, True

    # ---- what a subclass says ----------------------------------------------------------------------------------------

    def numbers(self, group: dict[str, Any]) -> dict[str, float]:
        """The numbers it keeps per parameter, and what they start from."""
        return {}

    def arrays(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        """The arrays it keeps per parameter: what their elements start from, or a shape where it is not the parameter's."""
        return {}

    def advance(self, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Bring the numbers up to date for the next `update`; what is added here the rule sees, but is not kept."""
        state["step"] += 1

    def compiled(self, p: Any, group: dict[str, Any]) -> bool:
        """Is `update` of these parameters one compiled loop?  Then blocks that fit the cache are only a detour."""
        return False

    def update(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change the array `p` in place.

        Args:
            p: values of parameters: all elements of several in a line, or a part of them; one whole parameter where the
                class says `elementwise = False`.  Complex numbers come as two real ones.
            g: the gradient; not to be changed.
            state: `numbers` as floats and `arrays`, these to be changed in place; "new" is True for arrays just made.
            group: the options.
        """
        raise NotImplementedError

    # ---- a step ------------------------------------------------------------------------------------------------------

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _hooked(cls.step)  # type: ignore[method-assign]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters by their gradients; those whose `grad` is None stay as they are.

        Args:
            closure: computes the loss again, and its gradients.

        Returns:
            What the closure returned.
        """
        loss = None
        if closure is not None:
            if not callable(closure):
                raise TypeError(
                    f"step() takes a function that computes the loss, but got {type(closure).__name__}; write "
                    "loss.backward() first, then step()"
                )
            with enable_grad():
                loss = closure()
        before, due = quiet(), []
        try:
            for i, group in enumerate(self.param_groups):
                if group.get("differentiable"):
                    for p in group["params"]:
                        self._recorded_update(p, group)
                else:
                    due += self._arrangements[i].due(self, group)
            for pack, options, gradients in due:
                pack.run(self, options, gradients)
        finally:
            as_before(before)
        return loss

    def complete(self, p: Tensor, group: dict[str, Any]) -> bool:
        """Make the state of a parameter as far as it is missing; returns whether all of it was."""
        place = writable(p)
        numbers, arrays = self.numbers(group), self.arrays(place, group)
        if not numbers and not arrays:
            return False
        state, new = self._state[p], True
        for name, start in numbers.items():
            if not isinstance(state.get(name), Tensor):
                state[name] = wrap(np.array(state.get(name, start), scalar_dtype()))
        for name, start in arrays.items():
            shape, fill = (start, 0.0) if isinstance(start, tuple) else (place.shape, start)
            if state.get(name) is None:
                fill = complex(fill, fill) if p.is_complex() else fill
                state[name] = wrap(np.full_like(place, fill, order="C", shape=shape))
                continue
            new = False
            if state[name].shape != tuple(shape):
                raise RuntimeError(
                    f"the state {name!r} of a parameter has the shape {tuple(state[name].shape)}, expected {tuple(shape)}; "
                    "make a new optimizer after replacing parameters by others of another shape"
                )
            state[name].array = contiguous(to_device(share(state[name].to(p.dtype)), p.device))
        return new

    def _recorded_update(self, p: Tensor, group: dict[str, Any]) -> None:
        """Update one parameter with Tensors instead of arrays, so that the graph sees it."""
        if p.grad is None:
            return
        new = self.complete(p, group)
        numbers, arrays = self.numbers(group), self.arrays(share(p), group)
        kept = self._state[p] if numbers or arrays else {}
        values: dict[str, Any] = {"new": new} | {name: kept[name].item() for name in numbers}
        if numbers:
            self.advance(values, group)
        for name in numbers:
            kept[name] = wrap(np.array(values[name], kept[name].dtype))
        with set_grad_enabled(True):
            for name in arrays:  # the graph may have saved the old one
                values[name] = kept[name] = kept[name].clone()
            self.update(p, -p.grad if group.get("maximize") else p.grad, values, group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or make them zero with ``set_to_none=False``."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach()
                    p.grad.zero_()

    # ---- groups ------------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own: ``{"params": …, "lr": …}``.

        Raises:
            TypeError: it is no dict, or holds something that is no Tensor.
            ValueError: a parameter is no leaf or is in another group; some have names and some not.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        if "params" not in param_group:
            raise KeyError(f"a parameter group needs 'params', but has only {sorted(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but "
                "the ordering of tensors in sets will change between runs. Please use a list instead."
            )
        given = [params] if isinstance(params, Tensor) else list(params)
        names = [item[0] for item in given if isinstance(item, tuple)]
        params = [item[1] if isinstance(item, tuple) else item for item in given]
        if names and len(names) != len(params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}: pass model.parameters()"
                )
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                made_by = p.grad_fn.op.name  # type: ignore[union-attr]
                raise ValueError(
                    f"can't optimize a non-leaf Tensor, the result of {made_by}: pass what it was computed from, or "
                    "x.detach().requires_grad_()"
                )
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
        if _repeats(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; "
                "in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if bool(names) != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with' if names else 'without'} names to the optimizer"
                )
            if not {id(p) for p in group["params"]}.isdisjoint(map(id, params)):
                raise ValueError("some parameters appear in more than one parameter group")
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    # ---- saving ------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self._state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({name: value for name, value in state.items() if name != "state"})
        self._state = state["state"]
        self._prepare()
        for group in self.param_groups:  # options that a state saved by an older version lacks
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    def state_dict(self) -> dict[str, Any]:
        """The state in PyTorch's layout, ``{"state": {0: {…}, …}, "param_groups": [{…, "params": [0, …]}, …]}``.

        Parameters are numbered in the order of the groups.  The tensors are those that the next step changes: save or copy
        the dict to keep it.
        """
        for hook in tuple(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        number: dict[int, int] = {}
        count, groups = 0, []
        for group in self.param_groups:
            for i, p in enumerate(group["params"], count):
                number.setdefault(id(p), i)
            packed = {name: value for name, value in group.items() if name != "params"}
            groups.append(packed | {"params": [number[id(p)] for p in group["params"]]})
            count += len(group["params"])
        state = {number[id(p)] if isinstance(p, Tensor) else p: entries for p, entries in self.state.items()}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in tuple(self._optimizer_state_dict_post_hooks.values()):
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` gave, here or in PyTorch (with its tensors as arrays); it is copied.

        Raises ValueError if the groups and their sizes are not those of this optimizer.
        """
        state_dict = state_dict.copy()
        for hook in tuple(self._optimizer_load_state_dict_pre_hooks.values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(ours["params"]) != len(theirs["params"]) for ours, theirs in zip(groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        numbers = chain.from_iterable(group["params"] for group in saved)
        params = dict(zip(numbers, chain.from_iterable(group["params"] for group in groups), strict=True))
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, entries in state_dict["state"].items():
            if key in params:
                state[params[key]] = {name: _take(entry, params[key], name) for name, entry in entries.items()}
            else:
                state[key] = entries
        for ours, theirs in zip(groups, saved, strict=True):
            theirs["params"] = ours["params"]
            if "param_names" in ours:
                theirs.setdefault("param_names", ours["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in tuple(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    # ---- hooks -------------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return other ``(args, kwargs)``."""
        return RemovableHandle(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return RemovableHandle(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before each `state_dict()`; the first of all with `prepend`."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after each `state_dict()`; what it returns takes the dict's place."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before each `load_state_dict()`; what it returns is loaded instead."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after each `load_state_dict()`."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    _optimizer_step_pre_hooks: OrderedDict
    _optimizer_step_post_hooks: OrderedDict
    _optimizer_state_dict_pre_hooks: OrderedDict
    _optimizer_state_dict_post_hooks: OrderedDict
    _optimizer_load_state_dict_pre_hooks: OrderedDict
    _optimizer_load_state_dict_post_hooks: OrderedDict


_HOOKS = [name for name in Optimizer.__annotations__ if name.endswith("_hooks")]
_every_step_pre_hooks: OrderedDict = OrderedDict()
_every_step_post_hooks: OrderedDict = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of every optimizer."""
    return RemovableHandle(_every_step_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of every optimizer."""
    return RemovableHandle(_every_step_post_hooks, hook)


def _register(hooks: OrderedDict, hook: Callable, prepend: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _hooked(step: Callable) -> Callable:
    """A `step` that calls the hooks around itself."""

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True  # for schedules, which warn when they are stepped first
        if not (
            _every_step_pre_hooks
            or self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _every_step_post_hooks
        ):
            return step(self, *args, **kwargs)
        given: tuple = (self, *args)
        for hook in (*_every_step_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            changed = hook(self, given, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                given, kwargs = changed
        out = step(*given, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_every_step_post_hooks.values()):
            hook(self, given, kwargs)
        return out

    hooked._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    return hooked


Optimizer.step = _hooked(Optimizer.step)  # type: ignore[method-assign]


# ---- values -----------------------------------------------------------------------------------------------------


def _repeats(params: list[Tensor]) -> bool:
    """Is a parameter in the list more than once?"""
    return len(set(map(id, params))) != len(params)


def _take(value: Any, p: Tensor, name: str) -> Any:
    """A copy of a loaded value; where it is a tensor of floating-point parameters, in the parameter's type and place."""
    if isinstance(value, dict):
        return {key: _take(item, p, key) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_take(item, p, "") for item in value)
    if not isinstance(value, Tensor) and hasattr(value, "__array__") and not isinstance(value, np.generic):
        value = wrap(np.asarray(value))
    if not isinstance(value, Tensor):
        return value
    value = value.detach().clone()
    if name == "step":
        return value
    return value.to(p.dtype if p.is_floating_point() else value.dtype).to(p.device)
