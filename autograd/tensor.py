"""Tensor: an array that may take part in a recorded graph.

Its arithmetic is not here: ops add themselves as methods when they are declared (see `op.py`), and so do other functions
of Tensors, such as `to` (`ops/conversion.py`).  Here are what a Tensor is made of, its place in the graph, and its values.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .device import CPU, as_device, device, device_of, on, to_device
from .graph import Node, RemovableHandle, owner, state
from .sharing import View, changed_views, renew

_new = object.__new__


class Size(tuple):
    """A shape: a tuple of ints with PyTorch's `numel()`."""

    def numel(self) -> int:
        """The number of elements."""
        count = 1
        for n in self:
            count *= n
        return count

    def __repr__(self) -> str:
        return f"autograd.Size({list(self)})"


class Tensor:
    """A multi-dimensional array that records what is done with it.

    Use `autograd.tensor(data)` to make one from data.  The class itself, called like PyTorch's legacy constructor,
    makes one of the default type: ``Tensor(2, 3)`` of that shape, ``Tensor([1, 2])`` of those values.

    Source: https://docs.pytorch.org/docs/stable/tensors.html

    >>> import autograd as ag
    >>> x = ag.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> x.shape, x.dtype, x.mean().item()
    (autograd.Size([2, 2]), dtype('float32'), 2.5)
    """

    __slots__ = ("__dict__", "__weakref__", "array", "grad", "grad_fn", "needs_grad", "view_of")

    array: Any  # a NumPy or CuPy array.  0-d results may be NumPy scalars, which are faster: see `share`
    grad: Tensor | None
    grad_fn: Node | None
    needs_grad: bool  # what `requires_grad` returns, without a call
    view_of: View | None

    # Rare, so not part of every instance.
    hooks: list[Callable] | None = None
    after_grad: list[Callable] | None = None
    views: set[weakref.ref] | None = None
    # As a node of the graph a leaf is one without parents, older than all.
    order, parents, call = -1, (), None

    def __init__(self, *data: Any, device: Any = None):
        if len(data) == 1 and not isinstance(data[0], int):
            value = data[0].array if isinstance(data[0], Tensor) else np.asarray(data[0], dtypes.get_default_dtype())
        else:
            value = np.zeros(data if data else (0,), dtypes.get_default_dtype())
        _fill(self, to_device(value, as_device(device)), False)

    if TYPE_CHECKING:  # ops become methods when they are declared

        def __getattr__(self, name: str) -> Any: ...
        def _unary(self) -> Tensor: ...
        def _binary(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def __iter__(self) -> Iterator[Tensor]: ...

        __neg__ = __pos__ = __abs__ = __invert__ = _unary
        __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = __matmul__ = _binary
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = __getitem__ = _binary
        __and__ = __or__ = __xor__ = __lt__ = __le__ = __gt__ = __ge__ = _binary

    # ---- what it is ----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The lengths of its dimensions."""
        return Size(self.array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension."""
        return self.shape if dim is None else self.array.shape[dim]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    @property
    def dtype(self) -> np.dtype:
        """The type of its elements."""
        return self.array.dtype

    @property
    def device(self) -> device:
        """The device it lives on."""
        return device_of(self.array)

    @property
    def is_cuda(self) -> bool:
        """Is it on a GPU?"""
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        """Is it in main memory?"""
        return self.device.type == "cpu"

    is_sparse = is_nested = is_quantized = is_xpu = is_mps = is_meta = False

    def get_device(self) -> int:
        """The number of its GPU; -1 on the CPU."""
        return -1 if self.is_cpu else self.device.index or 0

    def is_floating_point(self) -> bool:
        """Are its elements real floating-point numbers?"""
        return self.array.dtype.kind == "f"

    def is_complex(self) -> bool:
        """Are its elements complex?"""
        return self.array.dtype.kind == "c"

    def is_signed(self) -> bool:
        """Can its elements be negative?"""
        return self.array.dtype.kind in "ifc"

    def element_size(self) -> int:
        """Bytes per element."""
        return self.array.dtype.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.array.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.array.nbytes

    def storage_offset(self) -> int:
        """Where in the memory it shares its first element lies, in elements."""
        return (self.data_ptr() - _address(owner(share(self)))) // self.array.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        return _address(share(self))

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Do its elements lie in memory in the order of its indices?"""
        return share(self).flags.c_contiguous

    @property
    def T(self) -> Tensor:
        """Its dimensions reversed."""
        return self.permute(*range(self.array.ndim - 1, -1, -1))

    @property
    def mT(self) -> Tensor:
        """Its last two dimensions swapped."""
        if self.array.ndim < 2:
            raise RuntimeError(f"mT swaps the last two dimensions, but the shape is {tuple(self.shape)}")
        return self.transpose(-2, -1)

    @property
    def H(self) -> Tensor:
        """A matrix's conjugate transpose."""
        if self.array.ndim != 2:
            raise RuntimeError(f"H is for matrices, but the shape is {tuple(self.shape)}; use mH for batches")
        return self.mH

    @property
    def mH(self) -> Tensor:
        """Its last two dimensions swapped, conjugated."""
        return self.mT.conj() if self.is_complex() else self.mT

    # ---- its place in the graph ----------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Are operations on it recorded?"""
        return self.needs_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.array.dtype.kind not in "fc":
            raise RuntimeError(
                f"only floating-point and complex tensors can require gradients, this one is {self.dtype}; convert it, "
                "for example with .float()"
            )
        if not value and self.grad_fn is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables; use .detach() for a tensor without"
            )
        before, self.needs_grad = self.needs_grad, bool(value)
        if self.views and before != self.needs_grad:  # views that were changed in place follow, as in PyTorch
            renew(self, changed_views(self))

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Record operations on it from now on (or no longer); returns itself."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Was it made by the user rather than by a recorded operation?"""
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        """Which of its operation's outputs it is."""
        node = self.grad_fn
        return node.saved if node is not None and node.op.name == "output" else 0

    def is_inference(self) -> bool:
        """Was it made in inference mode?  (No tensor is marked so: it behaves like one made under `no_grad`.)"""
        return False

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor with respect to each leaf to that leaf's `grad`.

        Args:
            gradient: the gradient of something with respect to this tensor, of its shape; a scalar needs none.
            retain_graph: keep what the graph has saved, for a second backward pass.  Default: `create_graph`.
            create_graph: record the backward pass itself, for derivatives of higher order.
            inputs: only these tensors get their gradient.

        Raises:
            RuntimeError: it does not require grad; it is no scalar and `gradient` is missing; the graph was freed.

        >>> import autograd as ag
        >>> x = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        self._propagate(gradient, retain_graph, create_graph, inputs)

    # `backward` of backward.py puts itself here: it needs this module, and importing it at each call would take time.
    _propagate: Callable

    def detach(self) -> Tensor:
        """The same memory, outside the graph."""
        return wrap(share(self))

    def detach_(self) -> Tensor:
        """Take itself out of the graph."""
        if self.view_of is not None:
            raise RuntimeError("can't detach views in-place; use detach() instead")
        self.grad_fn, self.needs_grad = None, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, outside the graph; assign another tensor to put its memory in place of this one's."""
        return wrap(share(self))

    @data.setter
    def data(self, other: Tensor) -> None:
        if not isinstance(other, Tensor):
            raise TypeError(f".data takes a Tensor, got {type(other).__name__}; use autograd.tensor(…) to make one")
        self.array = share(other)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(gradient)` when this tensor's gradient is known; a tensor it returns takes the gradient's place.

        Raises RuntimeError if it does not require grad.

        >>> import autograd as ag
        >>> x = ag.tensor(3.0, requires_grad=True)
        >>> handle = x.register_hook(lambda g: 10 * g)
        >>> (x * x).backward()
        >>> x.grad
        tensor(60.)
        """
        if not self.needs_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.grad_fn is not None:
            return self.grad_fn.on_gradient(hook)
        if self.hooks is None:
            self.hooks = []
        return RemovableHandle(self.hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(leaf)` each time a gradient has been added to this leaf's `grad`."""
        if not self.needs_grad or self.grad_fn is not None:
            raise RuntimeError("post accumulate grad hooks are for leaf tensors that require grad")
        if self.after_grad is None:
            self.after_grad = []
        return RemovableHandle(self.after_grad, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in `grad` although it is no leaf.

        >>> import autograd as ag
        >>> x = ag.tensor(3.0, requires_grad=True)
        >>> y = x * x
        >>> y.retain_grad()
        >>> (2 * y).backward()
        >>> y.grad
        tensor(2.)
        """
        if not self.needs_grad:
            raise RuntimeError("can't retain_grad on a tensor that has requires_grad=False")
        if self.grad_fn is None or self.retains_grad:
            return
        me = weakref.ref(self)  # the graph must not point back to it

        def keep(g: Tensor) -> None:
            if (tensor := me()) is not None:
                tensor.grad = g.clone() if tensor.grad is None else tensor.grad + g

        keep.last = True  # type: ignore[attr-defined]
        self.grad_fn.on_gradient(keep)
        self.retains_grad = True

    retains_grad = False

    # ---- its values ----------------------------------------------------------------------------------------------

    def item(self) -> Any:
        """Its only element, as a Python number.

        >>> import autograd as ag
        >>> ag.ones(3).sum().item()
        3.0
        """
        if self.array.size != 1:
            raise RuntimeError(
                f"a Tensor with {self.array.size} elements cannot be converted to a number; shape {tuple(self.shape)}"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """Its elements as nested lists of Python numbers."""
        return self.array.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The NumPy array behind it, sharing memory; `force` detaches and copies to the CPU first where needed."""
        if not force:
            if self.needs_grad:
                raise RuntimeError(
                    "can't call numpy() on a Tensor that requires grad; use tensor.detach().numpy() instead"
                )
            if self.is_cuda:
                raise TypeError("can't convert a cuda tensor to NumPy; use tensor.cpu().numpy() to copy it first")
        return to_device(share(self), CPU)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __bool__(self) -> bool:
        if self.array.size != 1:
            none = "no" if self.array.size == 0 else "more than one"
            raise RuntimeError(
                f"Boolean value of Tensor with {none} value is ambiguous; shape {tuple(self.shape)}, use .any() or .all()"
            )
        return bool(self.array.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.array.size != 1 or self.array.dtype.kind not in "biu":
            raise TypeError(
                f"only integer tensors of a single element can be converted to an index, got {self.dtype} of shape {tuple(self.shape)}"
            )
        return int(self.array.item())

    def __len__(self) -> int:
        if not self.array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    def __contains__(self, value: Any) -> bool:
        return bool((self.array == unwrap(value)).any())

    __hash__ = object.__hash__  # equality is elementwise; as a dictionary key a tensor is itself

    def __repr__(self) -> str:
        from .display import show

        return show(self)

    def __format__(self, spec: str) -> str:
        if not self.array.ndim and (spec or type(self) is Tensor):
            return format(self.array.item(), spec)
        if spec:
            raise TypeError(
                f"only a Tensor of one number takes the format {spec!r}, this one has the shape {tuple(self.shape)}"
            )
        return repr(self)

    # ---- copies, and protocols of other libraries ----------------------------------------------------------------

    def __reduce_ex__(self, protocol: Any) -> tuple:
        if self.grad_fn is not None:
            raise RuntimeError("only leaf tensors can be pickled or deep-copied; use tensor.detach() first")
        return _rebuild, (type(self), to_device(share(self), CPU), str(self.device), self.needs_grad, self.__dict__)

    def __deepcopy__(self, memo: dict) -> Tensor:
        import copy

        if self.grad_fn is not None:
            raise RuntimeError("only leaf tensors can be deep-copied; use tensor.detach() or tensor.clone() first")
        made = memo[id(self)] = _new(type(self))
        _fill(made, share(self).copy(order="K"), self.needs_grad)
        made.grad = copy.deepcopy(self.grad, memo)
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made

    __array_priority__ = 1000

    def __dlpack__(self, *, stream: Any = None, **kwargs: Any) -> Any:
        if self.needs_grad:
            raise BufferError("can't export a Tensor that requires grad; use tensor.detach() first")
        return share(self).__dlpack__(**({} if stream is None else {"stream": stream}), **kwargs)

    def __dlpack_device__(self) -> Any:
        return share(self).__dlpack_device__()


def _address(array: Any) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def _fill(tensor: Tensor, array: Any, needs_grad: bool) -> Tensor:
    tensor.array = array
    tensor.grad = tensor.grad_fn = tensor.view_of = None
    tensor.needs_grad = needs_grad
    return tensor


def _rebuild(kind: type, array: Any, where: str, needs_grad: bool, attributes: dict) -> Tensor:
    with on(device(where)) as xp:
        made = _fill(_new(kind), xp.asarray(array), needs_grad)
    made.__dict__.update(attributes)
    return made


def wrap(array: Any) -> Tensor:
    """A Tensor around an array, outside any graph."""
    t = _new(Tensor)
    t.array = array
    t.grad = t.grad_fn = t.view_of = None
    t.needs_grad = False
    return t


def unwrap(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x.array if isinstance(x, Tensor) else x


def share(tensor: Tensor) -> Any:
    """The array of a Tensor as memory that can be shared and written: a NumPy scalar becomes a 0-d array first."""
    array = tensor.array
    if isinstance(array, np.generic):
        array = tensor.array = np.asarray(array)
    return array


__all__ = ["Size", "Tensor", "share", "state", "unwrap", "wrap"]
