"""Module: what has parameters, buffers and submodules, and is called."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from autograd.forward import module_named
from autograd.graph import Call, Scope, located, no_grad, state
from autograd.ops.conversion import goal
from autograd.tensor import Tensor

from .hooks import Hooked
from .loading import Stateful
from .members import Members
from .parameter import Buffer, Parameter, is_lazy

__all__ = ["Module"]

M = TypeVar("M", bound="Module")


class Module(Hooked, Stateful):
    """The base class of all layers and models.

    Subclasses call ``super().__init__()`` first, set parameters and submodules as attributes, and define `forward`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html

    >>> import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = nn.Linear(3, 2)
    ...     def forward(self, x):
    ...         return self.fc(x)
    >>> Net()
    Net(
      (fc): Linear(in_features=3, out_features=2, bias=True)
    )
    >>> [name for name, _ in Net().named_parameters()]
    ['fc.weight', 'fc.bias']
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        attributes = self.__dict__
        attributes["training"] = True
        for table in _TABLES:
            attributes[table] = Members(self)
        attributes["_non_persistent_buffers_set"] = set()
        attributes["_scope"] = Scope(type(self).__name__)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # ---- being called --------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = state.call = Call(self._scope)
        try:
            if self._hooked:
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            named = module_named(error, self, args, kwargs)
            if named is not error:
                raise named from None
            located(error)
            raise
        finally:
            state.call = call.parent

    # ---- attributes ----------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(getattr(type(self), name, None), "__set__"):  # a property knows what to do
            object.__setattr__(self, name, value)
            return
        kind = next((k for k, member in _MEMBER.items() if isinstance(value, member)), None)
        if kind is None:
            kind = next((k for k in _TABLES if name in self.__dict__.get(k, ())), None)
            if kind is None:
                object.__setattr__(self, name, value)
                return
            if value is not None and not (kind == "_buffers" and isinstance(value, Tensor)):
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' as {_NOUN[kind]} '{name}' ({_EXPECTED[kind]} or None expected)"
                )
        if kind not in self.__dict__:
            raise AttributeError(
                f"cannot assign {_NOUN[kind]} before Module.__init__() call: call super().__init__() first"
            )
        for table in _TABLES:
            if table != kind and name in self.__dict__[table]:
                del self.__dict__[table][name]
        if kind == "_parameters" and value is not None:
            self._check_leaf(name, value)
        if isinstance(value, Buffer):
            self._set_persistent(name, value.persistent)
        self.__dict__[kind][name] = value
        if kind == "_modules" and value is not None:
            self._adopt(name, value)  # type: ignore[arg-type]

    def __delattr__(self, name: str) -> None:
        for table in _TABLES:
            if name in self.__dict__[table]:
                del self.__dict__[table][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __getattr__(self, name: str) -> Any:
        if "_modules" not in self.__dict__:
            raise AttributeError(
                f"'{type(self).__name__}' object has no attribute '{name}': call super().__init__() first in its __init__"
            )
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _adopt(self, name: str, module: Module) -> None:
        """Give a submodule its place in the model, for graphs and error messages."""
        module._scope.name, module._scope.parent = name, self._scope

    def _check_name(self, what: str, name: Any, table: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call: call super().__init__() first")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain "."' + (f", got: {name}" if what == "module" else ""))
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[table]:
            raise KeyError(f"attribute '{name}' already exists")

    def _check_leaf(self, name: str, param: Tensor) -> None:
        if param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}': parameters are created explicitly; to express "
                f"'{name}' as a function of another tensor, compute it in forward()"
            )

    def _set_persistent(self, name: str, persistent: bool) -> None:
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None reserves the name for one that is absent."""
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}' (nn.Parameter or None required)"
            )
        if param is not None:
            self._check_leaf(name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a buffer: state that is not trained; a persistent one belongs to `state_dict`."""
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (Tensor or None required)"
            )
        self._buffers[name] = tensor
        self._set_persistent(name, persistent)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under a name."""
        if module is not None and not isinstance(module, Module):
            hint = "; write *layers for a list of them" if isinstance(module, (list, tuple)) else ""
            if isinstance(module, type):
                hint = f"; write {module.__name__}(…) for a module of that class"
            elif callable(module):
                hint = "; call functions in forward(), or take their modules: nn.ReLU() for relu"
            raise TypeError(f"{type(module).__name__} is not a Module subclass{hint}")
        self._check_name("module", name, "_modules")
        self._modules[name] = module
        if module is not None:
            self._adopt(name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    # ---- what it contains ----------------------------------------------------------------------------------------

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Itself and all modules below, each with its dotted name; a shared one once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Itself and all modules below; a shared one once."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct submodules with their names; a shared one once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct submodules."""
        return (module for _, module in self.named_children())

    def _named_members(
        self, members: Callable, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in members(module):
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Its parameters and those of all modules below with dotted names; a shared one once."""
        return self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Its parameters and those of all modules below."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Its buffers and those of all modules below with dotted names; a shared one once."""
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Its buffers and those of all modules below."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module with that dotted name; an AttributeError says where the path ends."""
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module in the place with that dotted name; `strict` demands that one is there."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with that dotted name."""
        return self._get_member(target, "_parameters")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with that dotted name."""
        return self._get_member(target, "_buffers")

    def _get_member(self, target: str, table: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if getattr(module, table).get(name) is None:
            raise AttributeError(f"`{name}` is not " + ("an nn.Parameter" if table == "_parameters" else "a buffer"))
        return getattr(module, table)[name]

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call `fn` on every module below and then on itself; returns itself."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- modes ---------------------------------------------------------------------------------------------------

    def train(self: M, mode: bool = True) -> M:
        """Switch all modules below to training (or evaluation): dropout and batch statistics act or not."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: M) -> M:
        """Switch all modules below to evaluation."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Train all parameters, or none."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad = None if set_to_none else parameter.grad.detach() * 0

    # ---- types and devices ---------------------------------------------------------------------------------------

    def _apply(self: M, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> M:
        """Replace the values of all parameters, their gradients and the buffers by what `fn` makes of them."""
        if recurse:
            for module in self.children():
                module._apply(fn, recurse)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    parameter.data = fn(parameter.data)  # the object stays: optimizers hold it
                    if parameter.grad is not None:
                        parameter.grad = fn(parameter.grad)
            for name, buffer in self._buffers.items():
                if buffer is None:
                    continue
                if is_lazy(buffer):
                    buffer.data = fn(buffer.data)  # it stays a buffer without a shape
                else:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """Move to a device and convert floating-point parameters and buffers, in any of PyTorch's spellings."""
        dtype, device = goal(args, kwargs.get("dtype"), kwargs.get("device"))
        if dtype is not None and dtype.kind not in "fc":
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        return self._apply(lambda t: t.to(device=device, dtype=dtype if t.dtype.kind in "fc" else None))

    def cuda(self: M, device: Any = None) -> M:
        """Move to a GPU."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self: M) -> M:
        """Move to main memory."""
        return self._apply(lambda t: t.cpu())

    def to_empty(self: M, *, device: Any, recurse: bool = True) -> M:
        """Move to a device without keeping the values."""
        return self._apply(lambda t: t.to(device), recurse)

    def type(self: M, dst_type: Any) -> M:
        """Convert all parameters and buffers."""
        return self._apply(lambda t: t.type(dst_type))

    def _floating(self: M, dtype: str) -> M:
        return self._apply(lambda t: t.to(dtype=dtype) if t.dtype.kind == "f" else t)

    def float(self: M) -> M:
        """Convert floating-point parameters and buffers to float32."""
        return self._floating("float32")

    def double(self: M) -> M:
        """Convert floating-point parameters and buffers to float64."""
        return self._floating("float64")

    def half(self: M) -> M:
        """Convert floating-point parameters and buffers to float16."""
        return self._floating("float16")

    def bfloat16(self: M) -> M:
        """Not here: NumPy has no such type, and the error says what to use."""
        return self._floating("bfloat16")

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: there is nothing to compile."""

    def share_memory(self: M) -> M:
        """Nothing: worker processes get their own copies."""
        return self

    # ---- copies and display --------------------------------------------------------------------------------------

    def _copied(self, copied: Callable[[Any], Any], made: Any) -> Any:
        """Fill `made`, an empty object of its class, with its attributes, each passed through `copied`."""
        attributes = made.__dict__
        for name, value in self.__dict__.items():
            if name == "_scope":
                attributes[name] = Scope(value.kind)
            elif name not in _TABLES:
                attributes[name] = copied(value)
        for table in _TABLES:
            attributes[table] = members = Members(made)
            for name, member in self.__dict__[table].items():
                members[name] = copied(member)
        return made

    def __deepcopy__(self: M, memo: dict) -> M:
        made = memo[id(self)] = object.__new__(type(self))
        self._copied(lambda value: copy.deepcopy(value, memo), made)
        for name, module in made._modules.items():
            if module is not None:
                made._adopt(name, module)
        return made

    def __copy__(self: M) -> M:
        return self._copied(lambda value: value, object.__new__(type(self)))

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"a {type(self).__name__} is not pickled; save its state_dict() and load it into a new one")

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets of its `repr`: usually its settings."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"


_TABLES = ("_parameters", "_buffers", "_modules")
_MEMBER = {"_parameters": Parameter, "_buffers": Buffer, "_modules": Module}
_NOUN = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "child module"}
_EXPECTED = {"_parameters": "nn.Parameter", "_buffers": "Tensor", "_modules": "nn.Module"}
