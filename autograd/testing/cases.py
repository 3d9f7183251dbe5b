"""A table of ops and samples, one line each, that tests everything an op owes its users.

CASES = [
    OpCase("exp", *UNARY, reference=np.exp),
    OpCase("log", *UNARY, domain="positive"),
    OpCase("matmul", S((3, 4), (4, 5)), S((2, 3, 4), (4,))),
    OpCase(my_op, S((5, 2), factor=3.0), kinks=(0.0,)),
]

@pytest.mark.parametrize("check", each_check(CASES), ids=str)
def test_op(check):
    check()
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import autograd
from autograd.backward import grad
from autograd.testing.checks import DEFAULT_CHECKS, LAYOUTS, lay_out
from autograd.testing.compare import assert_matches
from autograd.testing.gradcheck import gradcheck
from autograd.testing.packing import eps_of, flatten, is_inexact, unflatten
from autograd.testing.samples import SCALABLE, UNARY, Domain, Draw, Sample
from autograd.testing.strict import StrictArray, pretended_device, strict, to_numpy

__all__ = ["Call", "OpCase", "each_check", "uncovered"]


@dataclass(frozen=True)
class Call:
    """A sample of a case with its arguments drawn: `call(*call.args)` runs the op."""

    case: OpCase
    sample: Sample
    args: list[Any]
    kwargs: dict[str, Any]
    dtype: np.dtype

    def __call__(self, *xs: Any) -> Any:
        return self.case.fn(*xs, **self.kwargs)

    def __str__(self) -> str:
        return f"{self.case.name}({self.sample}) [{self.dtype}]"

    @property
    def __wrapped__(self) -> Callable:
        """The op: messages show its place and its arguments' names."""
        return self.case.fn

    @property
    def differentiable(self) -> bool:
        """Is there anything to differentiate?"""
        return bool(self.case.order and _inexact(self.args))

    @property
    def options(self) -> dict[str, Any]:
        """What the case says to `gradcheck`: `gradcheck(call, *call.args, **call.options)`."""
        case = self.case
        return {
            "wrt": case.wrt,
            "order": case.order if eps_of(self.dtype) < 1e-12 else 1,
            "mode": case.mode,
            "rtol": case.rtol,
            "kinks": case.kink_verdict,
            "method": "complex" if case.analytic and self.dtype.kind == "f" else "ridders",
            "checks": [c for c in DEFAULT_CHECKS if c != "layout" or case.layouts],
            "name": str(self),
        }


class OpCase:
    """One op with samples, and the checks that every op must pass.

    Args:
        op: the op's dotted name in `autograd` ("exp", "linalg.inv", "Tensor.exp"), which is also its
            name in `torch`; or any function of tensors.
        *samples: calls to check, from `S(...)`; none means `UNARY`.
        fn: what to call for the op's name, for ops that need help to be called or compared.
        domain: where shapes without `draw` are drawn from.
        kinks: points to keep away from; values nearer than 0.05 are drawn again.
        reference: NumPy function of the same arguments, for values; `axis`/`keepdims` spelt its way.
        torch: dotted name in torch, a function of torch tensors, or None for ops it has not.
        order: highest derivative to check; 0 for ops without gradients.
        dtypes: dtypes to draw floating arguments in.
        complex: check complex128 arguments too.
        layouts: compare Fortran, strided, reversed and offset memory.
        strict: run on a stand-in for device arrays, which refuses to become a NumPy array.
        analytic: the op is complex-analytic: use the complex step.
        wrt: positions or names of the arguments to differentiate; default all floating ones.
        rtol: relative tolerance of gradients; default 1e-9 in float64.
        tol: relative tolerance of values and gradients against the reference and torch, in units
            of the dtype's rounding error; default 200.
        mode, kink_verdict: as `mode=` and `kinks=` of `gradcheck`.

    >>> from autograd.testing import S
    >>> case = OpCase("exp", S((2, 3)), reference=np.exp)
    >>> case.check()
    """

    def __init__(
        self,
        op: str | Callable,
        *samples: Sample,
        fn: Callable | None = None,
        domain: Domain = "any",
        kinks: Collection[float] = (),
        reference: Callable | None = None,
        torch: str | Callable | None = "same name",
        order: int = 2,
        dtypes: Sequence[Any] = ("float32", "float64"),
        complex: bool = False,
        layouts: bool = True,
        strict: bool = True,
        analytic: bool = False,
        wrt: Any = None,
        rtol: float | None = None,
        tol: float = 200.0,
        mode: str = "fast",
        kink_verdict: str = "subgradient",
    ) -> None:
        self.name = op if isinstance(op, str) else getattr(op, "__name__", repr(op))
        self._fn = fn if fn is not None else op
        self.samples = samples or UNARY
        self.domain, self.kinks, self.reference, self.order = domain, tuple(kinks), reference, order
        self.dtypes = tuple(np.dtype(d) for d in dtypes) + ((np.dtype(np.complex128),) if complex else ())
        self.layouts, self.strict, self.analytic, self.wrt = layouts, strict, analytic, wrt
        self.rtol, self.tol, self.mode, self.kink_verdict = rtol, tol, mode, kink_verdict
        self._torch = torch

    def __repr__(self) -> str:
        return f"OpCase({self.name!r})"

    def __str__(self) -> str:
        return self.name

    @cached_property
    def fn(self) -> Callable:
        """The function under test."""
        if callable(self._fn):
            return self._fn
        return _resolve(autograd, self._fn)

    def torch_fn(self) -> Callable | None:
        """The same op in torch; None when torch is not installed or has no such op."""
        if self._torch is None:
            return None
        try:
            import torch
        except ImportError:
            return None
        if callable(self._torch):
            return self._torch
        name = self.name if self._torch == "same name" else self._torch
        try:
            return _resolve(torch, name)
        except AttributeError:
            if self._torch == "same name" and not isinstance(self._fn, str):
                return None  # a user's own function need not exist there
            raise

    # Samples ----------------------------------------------------------------------------------

    def calls(self, dtype: Any = "float64") -> Iterator[Call]:
        """Each sample with its arguments drawn as NumPy arrays of a dtype; the same each time."""
        for number in range(len(self.samples)):
            yield self.call(number, dtype)

    def call(self, number: int = 0, dtype: Any = "float64", seed: int = 0, scales: Sequence[float] = (1.0,)) -> Call:
        """One sample with arguments drawn from a seed.

        Args:
            number: which of the samples.
            dtype: of the floating arguments.
            seed: of the values.
            scales: each value is multiplied by one of these, if its domain is "any", "normal" or "positive".

        >>> call = OpCase("exp").call(seed=3)
        >>> [a.shape for a in call.args]
        [(3, 4)]
        """
        sample, dtype = self.samples[number], np.dtype(dtype)
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), number, seed])
        return Call(self, sample, [self._draw(a, rng, dtype, scales) for a in sample.args], dict(sample.kwargs), dtype)

    def _draw(self, argument: Any, rng: np.random.Generator, dtype: np.dtype, scales: Sequence[float]) -> Any:
        if isinstance(argument, tuple) and all(type(n) is int for n in argument):
            argument = Draw(self.domain, argument)
        if isinstance(argument, Draw):
            values = argument(rng, dtype)
            if argument.domain in SCALABLE and tuple(scales) != (1.0,):
                values = np.asarray(values * rng.choice(scales, values.shape), values.dtype)
            return self._away_from_kinks(values, lambda: argument(rng, dtype))
        if isinstance(argument, list) and argument and all(isinstance(a, tuple | Draw) for a in argument):
            return [self._draw(a, rng, dtype, scales) for a in argument]
        if isinstance(argument, np.ndarray) and is_inexact(argument.dtype):
            return argument.astype(dtype)
        return argument

    def _away_from_kinks(self, values: np.ndarray, again: Callable[[], np.ndarray]) -> np.ndarray:
        """Draw those again that lie too near to a kink."""
        for _ in range(100 if self.kinks and values.dtype.kind == "f" else 0):
            near = np.min([np.abs(values - kink) for kink in self.kinks], axis=0) < 0.05
            if not near.any():
                return values
            values = np.where(near, again(), values)
        if self.kinks and values.dtype.kind == "f":
            raise ValueError(f"{self.name}: expected a domain with values 0.05 and more from the kinks {self.kinks}")
        return values

    # Checks -----------------------------------------------------------------------------------

    @property
    def checks(self) -> tuple[str, ...]:
        """Names of the checks that apply."""
        names = ["values", "dtypes"]
        names += ["gradients"] if self.order else []
        names += ["layouts"] if self.layouts else []
        names += ["strict"] if self.strict else []
        names += ["torch"] if self._torch is not None else []
        return tuple(names)

    def check(self, *names: str) -> None:
        """Run the named checks, or all that apply; the first thing wrong raises AssertionError."""
        __tracebackhide__ = True
        for name in names or self.checks:
            getattr(self, f"check_{name}")()

    def check_values(self) -> None:
        """Values and shapes are the reference's; inputs stay as they were."""
        __tracebackhide__ = True
        for dtype in self.dtypes:
            for call in self.calls(dtype):
                before = _copies(call.args)
                outputs = _run(call, call.args)
                for (_, old), (_, new) in zip(flatten(before), flatten(call.args), strict=True):
                    if isinstance(old, np.ndarray):
                        assert np.array_equal(old, new, equal_nan=old.dtype.kind in "fc"), (
                            f"{call}: an input was changed in place"
                        )
                if self.reference is not None:
                    self._compare(call, outputs, _arrays(self.reference(*before, **call.kwargs)), "reference")

    def check_dtypes(self) -> None:
        """float32 stays float32."""
        __tracebackhide__ = True
        for dtype in self.dtypes:
            for call in self.calls(dtype):
                widest = max((np.finfo(a.dtype).bits for a in _inexact(call.args)), default=64)
                for number, out in enumerate(_run(call, call.args)):
                    if is_inexact(out.dtype):
                        assert np.finfo(out.dtype).bits <= widest, (
                            f"{call}: output {number} is {out.dtype} for {dtype} inputs"
                        )

    def check_gradients(self) -> None:
        """Gradients are right at every order, by `gradcheck`."""
        __tracebackhide__ = True
        for dtype in self.dtypes:
            # A float32 function is checked as its float64 twin, which has its own turn here.
            repeated = dtype.itemsize < 8 and np.dtype("float64") in self.dtypes
            less = {"projections": 1, "checks": ("dtype", "precision")} if repeated else {}
            for call in self.calls(dtype):
                if call.differentiable:
                    gradcheck(call, *call.args, **(call.options | less))

    def check_layouts(self) -> None:
        """The arrangement in memory does not matter."""
        __tracebackhide__ = True
        for call in self.calls(self.dtypes[-1]):
            expected = _run(call, call.args)
            for layout in LAYOUTS:
                leaves = [lay_out(a, layout) if isinstance(a, np.ndarray) else a for _, a in flatten(call.args)]
                moved = list(unflatten(call.args, iter(leaves)))
                self._compare(call, _run(call, moved), expected, f"{layout} memory")

    def check_strict(self) -> None:
        """The op and its rules stay on the device, forward, backward and backward again."""
        __tracebackhide__ = True
        with pretended_device():
            self._check_strict()

    def _check_strict(self) -> None:
        __tracebackhide__ = True
        for call in self.calls("float64" if np.dtype("float64") in self.dtypes else self.dtypes[-1]):
            tensors = self._on_device(call)
            outputs = _tensors(call(*unflatten(call.args, iter(tensors))))
            self._stays(call, outputs, "result")
            self._compare(call, [to_numpy(o.array) for o in outputs], _run(call, call.args), "device")
            leaves = [t for t in tensors if getattr(t, "requires_grad", False)]
            for order in range(1, min(self.order, 2) + 1):
                outputs = [o for o in outputs if o.requires_grad]
                if not outputs or not leaves:
                    break
                ones = [_to_device(np.ones(tuple(o.shape), o.dtype)) for o in outputs]
                gradients = grad(outputs, leaves, ones, create_graph=order < self.order, allow_unused=True)
                outputs = [g for g in gradients if g is not None]
                self._stays(call, outputs, f"gradient of order {order}")

    def _on_device(self, call: Call) -> list[Any]:
        """The arguments' leaves as tensors whose arrays refuse to leave their device."""
        wrt = (self.wrt,) if isinstance(self.wrt, int | str) else self.wrt
        places = [place for place in wrt or () if isinstance(place, int)]
        tensors = []
        for place, argument in enumerate(call.args):
            for _, leaf in flatten(argument):
                tensor = _to_device(leaf) if isinstance(leaf, np.ndarray) else leaf
                if isinstance(leaf, np.ndarray) and is_inexact(leaf.dtype) and (not places or place in places):
                    tensor.requires_grad_()
                tensors.append(tensor)
        return tensors

    def check_torch(self) -> None:
        """Values and first gradients are PyTorch's; skipped when torch is not installed."""
        __tracebackhide__ = True
        reference = self.torch_fn()
        if reference is None:
            return
        for dtype in self.dtypes:
            for call in self.calls(dtype):
                assert_matches(
                    call,
                    functools.partial(reference, **call.kwargs),
                    *call.args,
                    reference_library="torch",
                    order=1 if call.differentiable else 0,
                    rtol=self.tol * eps_of(dtype),
                    wrt=self.wrt,
                    name=str(call),
                )

    # Help -------------------------------------------------------------------------------------

    def _compare(self, call: Call, found: list[np.ndarray], expected: list[np.ndarray], what: str) -> None:
        __tracebackhide__ = True
        assert len(found) == len(expected), f"{call}: {len(found)} outputs, {len(expected)} of the {what}"
        for a, b in zip(found, expected, strict=True):
            assert a.shape == b.shape, f"{call}: shape {a.shape}, {b.shape} of the {what}"
            scale = np.max(np.abs(np.nan_to_num(b)), initial=0) if is_inexact(b.dtype) else 0
            tolerance = self.tol * eps_of(call.dtype) * scale
            close = np.isclose(a, b, rtol=0, atol=tolerance, equal_nan=True) if a.dtype.kind != "b" else a == b
            assert np.all(close), (
                f"{call}: {a[~close][0]!r} at {[int(i) for i in np.argwhere(~close)[0]]}, "
                f"{b[~close][0]!r} of the {what} ({int((~close).sum())} of {a.size} elements differ)"
            )

    def _stays(self, call: Call, tensors: list[Any], what: str) -> None:
        __tracebackhide__ = True
        for tensor in tensors:
            assert isinstance(tensor.array, StrictArray), (
                f"{call}: the {what} {tuple(tensor.shape)} left the device as {type(tensor.array).__name__}"
            )


@dataclass(frozen=True)
class Check:
    """One check of one case, to be called by a parametrised test."""

    case: OpCase
    check: str

    def __call__(self) -> None:
        __tracebackhide__ = True
        self.case.check(self.check)

    def __str__(self) -> str:
        return f"{self.case.name}-{self.check}"


def each_check(cases: Iterable[OpCase]) -> list[Check]:
    """All checks of all cases, for `pytest.mark.parametrize("check", each_check(CASES), ids=str)`."""
    return [Check(case, name) for case in cases for name in case.checks]


def uncovered(cases: Iterable[OpCase], names: Iterable[str]) -> list[str]:
    """Names that no case covers, sorted: a table is complete when this is empty.

    >>> uncovered([OpCase("exp")], ["exp", "log"])
    ['log']
    """
    return sorted(set(names) - {case.name for case in cases})


def _resolve(module: Any, dotted: str) -> Callable:
    found: Any = module
    for part in dotted.split("."):
        found = getattr(found, part)
    return found


def _copies(args: list[Any]) -> list[Any]:
    leaves = [a.copy() if isinstance(a, np.ndarray) else a for _, a in flatten(args)]
    return list(unflatten(args, iter(leaves)))


def _inexact(args: list[Any]) -> list[np.ndarray]:
    return [a for _, a in flatten(args) if isinstance(a, np.ndarray) and is_inexact(a.dtype)]


def _tensors(result: Any) -> list[Any]:
    return [value for _, value in flatten(result) if hasattr(value, "array")]


def _arrays(result: Any) -> list[np.ndarray]:
    values = [value for _, value in flatten(result)]
    return [to_numpy(v.detach().numpy() if hasattr(v, "detach") else v) for v in values]


def _run(call: Call, args: list[Any]) -> list[np.ndarray]:
    """Output arrays of the op on tensors made from arrays."""
    leaves = [autograd.from_numpy(a) if isinstance(a, np.ndarray) else a for _, a in flatten(args)]
    return _arrays(call(*unflatten(args, iter(leaves))))


def _to_device(array: np.ndarray) -> Any:
    """A tensor whose array refuses to leave its device."""
    tensor = autograd.from_numpy(array)
    tensor.array = strict(array)
    return tensor
