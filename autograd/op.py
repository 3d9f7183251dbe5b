"""How an op is declared: its forward, and one gradient rule per differentiable argument.

    multiply = elementwise(np.multiply, x=lambda g, y: g * y, y=lambda g, x: g * x)

    @op(x=lambda g, x_shape, dim, keepdim: spread(g, x_shape, dim, keepdim))
    def sum(x, dim=None, keepdim=False): ...

The keyword names the argument that is differentiated.  A rule's first parameter is `g`, the gradient of the output; by
the names of the others it asks for what it needs: any argument of the forward, `out`, `<argument>_shape`, `needs`
(which arguments need a gradient).  What no rule names is not kept alive.  The engine undoes broadcasting and restores the dtype
after the rule.

An op called on arrays computes; called on Tensors it also records.  So a rule is called with plain arrays in a
first-order backward pass, and with Tensors under ``create_graph=True``, where it records itself.

Rules are those of real analysis.  For complex numbers PyTorch's convention (the conjugate of the derivative) follows
from them for every holomorphic op, in one place in `backward.py`; the other ops say ``holomorphic=False`` and write it
out.
"""

from __future__ import annotations

import functools
import inspect
import operator
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .dtypes import get_default_dtype, result_type
from .forward import ALIASES, MISSING, argument_named, bind, resolved, run, spread
from .graph import Node, state
from .sharing import register_view
from .tensor import Tensor, share, wrap

REGISTRY: dict[str, Op] = {}  # every op by name
NUMPY: dict[Callable, Callable] = {}  # NumPy's function -> ours: np.exp(tensor), and np.* inside rules

# While there are observers (drawing, anomaly detection), each call of an op on Tensors goes through them:
# observer(op, call, *args, **kwargs) is to return call(*args, **kwargs).  Without any, they cost one truth test.
observers: list[Callable] = []

# log(0) is -inf, as in PyTorch, and no reason for a warning.  (Where warnings are errors, `run` does without them.)
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"autograd\.(elementwise|fast|forward|op)")

NOTHING = ()


def parameters(function: Any) -> tuple[tuple[str, ...], tuple, int, bool]:
    """Names and defaults of a function's parameters, how many are positional, and whether the first is ``*xs``.

    `inspect.signature` says the same, but it takes half of the time that importing this package may take.
    """
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    if not hasattr(function, "__code__"):
        found = inspect.signature(function).parameters.values()
        positional = sum(p.kind is not inspect.Parameter.KEYWORD_ONLY for p in found)
        return tuple(p.name for p in found), tuple(p.default for p in found), positional, False
    code = function.__code__
    count, keywords = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames[: count + keywords]
    given = function.__defaults__ or ()
    named = function.__kwdefaults__ or {}
    defaults = (MISSING,) * (count - len(given)) + given + tuple(named.get(n, MISSING) for n in names[count:])
    variadic = bool(code.co_flags & inspect.CO_VARARGS)
    if variadic:
        names, defaults = (code.co_varnames[count + keywords], *names), (MISSING, *defaults)
    return names, defaults, count + variadic, variadic


class Op:
    """A forward on arrays, and its gradient rules."""

    def __init__(
        self,
        name: str,
        forward: Callable,
        rules: dict[str, Callable],
        *,
        joint: Callable | None = None,
        holomorphic: bool = True,
        formula: Callable | None = None,
        view: bool = False,
        partial: bool = False,
    ):
        self.name, self.forward = name, forward
        self.names, self.defaults, self.positional, self.variadic = parameters(forward)
        self.index = {n: i for i, n in enumerate(self.names)}
        self.required = sum(default is MISSING for default in self.defaults)
        self.flat = self.positional == len(self.names) and not self.variadic  # is forward(*values) a call of it?
        self.rules, self.joint, self.formula = rules, joint, formula
        self.holomorphic, self.view, self.partial = holomorphic, view, partial
        self.differentiable = bool(rules) or joint is not None
        self.plans = Plans(self)
        for argument, rule in rules.items():
            if argument not in self.index:
                raise TypeError(f"{name}: there is a rule for {argument!r}, but the arguments are {self.names}")
            self.wants(rule)
        if joint is not None:
            self.wants(joint)

    def wants(self, rule: Callable) -> tuple[str, ...]:
        """What a rule asks for by the names of its parameters, besides `g`; a name that nothing has is an error."""
        names = parameters(rule)[0][1:]
        known = {*self.names, *(f"{n}_shape" for n in self.names), "out", "needs"}
        if unknown := set(names) - known:
            raise TypeError(f"{self.name}: a rule asks for {sorted(unknown)}; there are {sorted(known)}")
        return names

    @property
    def signature(self) -> inspect.Signature:
        """The forward's, for error messages and documentation."""
        return inspect.signature(self.forward)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


class Plans(dict):
    """The plans of an op by which arguments need a gradient, each made when it is first asked for."""

    def __init__(self, op: Op):
        super().__init__()
        self.op = op

    def __missing__(self, needs: tuple[bool, ...]) -> Plan:
        made = self[needs] = Plan(self.op, needs)
        return made


class Plan:
    """An op together with the arguments that need a gradient: what to save, and the rules to run."""

    __slots__ = ("data", "deferring", "joint", "needs", "op", "pick", "rules", "saves", "shaped", "unruled")

    def __init__(self, op: Op, needs: tuple[bool, ...]):
        asked = needs
        if op.rules or op.joint is None:  # an argument without a rule has no gradient, whatever it is
            needs = tuple(needed and name in op.rules for needed, name in zip(needs, op.names, strict=True))
        self.op, self.needs, self.unruled = op, needs, needs != asked
        rules = [(i, op.rules[op.names[i]]) for i, needed in enumerate(needs) if needed and op.rules]
        wanted = [name for _, rule in rules for name in op.wants(rule)]
        # Beside rules a joint one is there for speed, and nothing more is saved for it.
        joint = op.joint if op.joint and (not op.rules or {"needs", *wanted}.issuperset(op.wants(op.joint))) else None
        if joint is not None:
            wanted += op.wants(joint)
        if op.formula is not None:
            wanted += op.names  # to run the formula again, everything
        self.arrange(saves := tuple(dict.fromkeys(wanted)), rules, joint)  # each once
        # Where saved values may be large: those are freed after use.  Shapes and options may be used again, as in
        # PyTorch.
        self.data = tuple(i for i, name in enumerate(saves) if name == "out" or name in op.index)
        # Where each is among the arguments, the output and `needs`; and which of them are to be replaced by their shapes.
        index = {"out": len(op.names), "needs": len(op.names) + 1, **op.index}
        self.pick = picker([index[n] if n in index else index[n.removesuffix("_shape")] for n in saves])
        self.shaped = tuple(k for k, n in enumerate(saves) if n not in index)

    def arrange(self, saves: tuple[str, ...], rules: Iterable, joint: Callable | None = None) -> None:
        """Let nodes save these values in this order; each rule takes those that it asks for."""
        op, self.saves = self.op, saves
        places = {name: i for i, name in enumerate(saves)}
        self.rules = tuple((i, rule, picker([places[n] for n in op.wants(rule)])) for i, rule, *_ in rules)
        self.joint = None if joint is None else (joint, picker([places[n] for n in op.wants(joint)]))
        self.deferring = bool(self.rules) and all(getattr(rule, "deferring", False) for _, rule, _ in self.rules)

    def save(self, values: list, out: Any) -> tuple:
        """The values that the rules will ask for, in the order of `saves`."""
        saved = self.pick((*values, out, self.needs))
        if self.shaped:
            saved = list(saved)
            for k in self.shaped:
                v = saved[k]
                several = self.op.variadic and type(v) is tuple
                saved[k] = tuple([part.shape for part in v]) if several else getattr(v, "shape", ())
            return tuple(saved)
        return saved


def picker(places: list[int]) -> Callable:
    """A function that takes what is at these places out of a tuple, as a tuple."""
    first = places[0] if places else 0
    return operator.itemgetter(*places) if len(places) > 1 else operator.itemgetter(slice(first, first + len(places)))


# ---- declaring and calling an op ---------------------------------------------------------------------------------


def op(
    name: str | Callable | None = None,
    *,
    numpy: Callable | tuple[Callable, ...] | None = None,
    method: bool | str = True,
    joint: Callable | None = None,
    holomorphic: bool = True,
    formula: Callable | None = None,
    view: bool = False,
    partial: bool = False,
    promote: tuple[str, ...] = (),
    floating: bool = False,
    **rules: Callable,
) -> Any:
    """Declare an op: the decorated forward takes and returns arrays.

    Args:
        name: the op's name; the forward's own unless given.
        numpy: the NumPy function(s) that become this op when called with a Tensor.
        method: make it a method of Tensor too (a string: under that name).
        joint: one rule for all arguments instead of one each: it returns a tuple of gradients, in the order of the
            arguments (or of `*xs`), None where none is due.  Beside rules it is for large arrays: they say the same.
        holomorphic: False where the rules already follow PyTorch's convention for complex numbers.
        formula: the same mathematics as a composition of other ops: derivatives of higher order go through it, so that
            the rules may be kernels on arrays only.
        view: the result may share the memory of the first argument.
        partial: of an op with several outputs: the rule takes None for the gradient of an output nobody used, instead of
            zeros.
        promote: names of arguments that are converted to their common type first.
        floating: integers among those are converted to the default floating-point type.
        rules: per argument, the gradient with respect to it.

    Returns:
        The function to call, with arrays or Tensors.

    >>> import autograd as ag
    >>> @op("cube_root", method=False, x=lambda g, out: g / (3 * out * out))
    ... def cube_root(x):
    ...     return np.cbrt(x)
    >>> x = ag.tensor([8.0], requires_grad=True)
    >>> cube_root(x).sum().backward()
    >>> x.grad
    tensor([0.0833])
    """
    if callable(name):
        return op()(name)

    def declare(forward: Callable) -> Callable:
        made = Op(
            name or forward.__name__.strip("_"),
            forward,
            rules,
            joint=joint,
            holomorphic=holomorphic,
            formula=formula,
            view=view,
            partial=partial,
        )
        converted = tuple(made.index[n] for n in promote)
        variadic, flat, takes_out = made.variadic, made.flat, "out" in made.index
        count = len(made.names) if flat else -1

        def call(*args: Any, **kwargs: Any) -> Any:
            if observers:
                return observed(made, bound, *args, **kwargs)
            if kwargs or len(args) != count:
                return bound(*args, **kwargs)
            return compute(args, args)

        def bound(*args: Any, **kwargs: Any) -> Any:
            destination = None if takes_out or not kwargs else kwargs.pop("out", None)
            values = bind(made, args, kwargs)
            result = compute(values, values[0] if variadic else values)
            return result if destination is None else write_out(result, destination)

        def compute(values: Any, inputs: Any) -> Any:
            arrays, needs, parents, tensors = [], [], [], False
            for v in inputs:  # one loop for all: several would take longer than what they prepare
                if isinstance(v, Tensor):
                    tensors = True
                    arrays.append(v.array)
                    if v.needs_grad:
                        needs.append(True)
                        parents.append(v.grad_fn or v)
                        continue
                else:
                    arrays.append(v)
                needs.append(False)
                parents.append(None)
            if not tensors:
                return run(made, values)
            if view:
                arrays[0] = share(inputs[0])
            if converted and not alike(arrays, converted, floating):
                target = result_type(*[inputs[i] for i in converted if inputs[i] is not None])
                if floating and target.kind in "biu":
                    target = get_default_dtype()
                for i in converted:
                    arrays[i] = cast(arrays[i], target)
            given = [tuple(arrays), *values[1:]] if variadic else arrays
            try:  # `run`, written out
                result = forward(*given) if flat else spread(made, given)
            except Exception as error:
                result = resolved(made, given, error)
            return finish(made, inputs, tuple(needs), parents, given, result)

        functools.update_wrapper(call, forward)
        publish(made, call, numpy, method)
        return call

    return declare


def observed(op: Op, call: Callable, *args: Any, **kwargs: Any) -> Any:
    """Make a call through the observers, the newest outermost."""
    if any(isinstance(v, Tensor) for v in (*args, *kwargs.values())):
        for observer in observers:
            call = functools.partial(observer, op, call)
    return call(*args, **kwargs)


def finish(op: Op, inputs: Any, needs: tuple[bool, ...], parents: list, given: list, result: Any) -> Any:
    """Wrap the result of a forward, recording it where a gradient is due to those of the inputs that need one.

    Args:
        inputs, needs, parents: the arguments, which of them need a gradient, and where each of these came from.
        given, result: what the forward was given and returned.
    """
    several = type(result) is tuple
    node = None
    if True in needs and state.grad and op.differentiable and (several or result.dtype.kind in "fc"):
        plan = op.plans[needs]
        if plan.unruled:  # some have no rule
            parents = [parent if needed else None for parent, needed in zip(parents, plan.needs, strict=True)]
        if plan.rules or plan.joint:
            shape = tuple([part.shape for part in result]) if several else result.shape
            dtype = tuple([part.dtype for part in result]) if several else result.dtype
            node = Node(plan, tuple(parents), plan.save(given, result), shape, dtype)
    if several:
        return tuple([wrap(part) if node is None else output(node, i, part) for i, part in enumerate(result)])
    out = wrap(result)
    if node is not None:
        out.grad_fn, out.needs_grad = node, True
    if op.view:
        register_view(out, inputs[0], (op, tuple(given[1:])))
    return out


def output(node: Node, index: int, array: Any) -> Tensor:
    """One of several outputs of `node`, as a Tensor.  Integer outputs (indices) take no part in the graph."""
    out = wrap(array)
    if array.dtype.kind in "fc":
        out.grad_fn = Node(OUTPUT, (node,), index, array.shape, array.dtype)
        out.needs_grad = True
    return out


def alike(arrays: list, places: tuple[int, ...], floating: bool) -> bool:
    """Are those in these places, as far as they are given, of one type already?"""
    dtype = getattr(arrays[places[0]], "dtype", None)
    if dtype is None or (floating and dtype.kind not in "fc"):
        return False
    for i in places:
        x = arrays[i]
        if x is not None and getattr(x, "dtype", None) is not dtype:
            return False
    return True


def cast(array: Any, dtype: np.dtype) -> Any:
    """An array in that type; Python numbers are left to NumPy, which adapts them to the arrays they meet."""
    if not hasattr(array, "dtype") or array.dtype == dtype:
        return array
    return array.astype(dtype)


def write_out(result: Any, destination: Any) -> Any:
    """PyTorch's ``out=``: write a result into an existing tensor."""
    if isinstance(result, tuple):
        return tuple(write_out(r, d) for r, d in zip(result, destination, strict=True))
    if result.needs_grad or destination.needs_grad:
        raise RuntimeError("out=... arguments don't support automatic differentiation; write `result = f(…)` instead")
    if destination.array.shape != result.array.shape:
        destination.array = np.array(result.array, destination.array.dtype)
        return destination
    return destination.copy_(result)


def publish(made: Op, call: Any, numpy: Any, method: bool | str) -> None:
    """Put an op into the registry, on Tensor, and before NumPy's functions."""
    if made.name in REGISTRY:
        raise TypeError(f"there is already an op {made.name!r}")
    call.op = made
    REGISTRY[made.name] = made
    made.call = call
    expose(call, method if isinstance(method, str) else made.name if method else None, numpy)


def expose(call: Callable, method: str | None, numpy: Any) -> None:
    """Make a function a method of Tensor, and the double of NumPy's."""
    if method:
        setattr(Tensor, method, call)
    for function in numpy if isinstance(numpy, tuple) else () if numpy is None else (numpy,):
        NUMPY[function] = call


def function(*, method: bool | str = True, numpy: Any = None) -> Callable:
    """Declare a function composed of ops: a method of Tensor and a NumPy function's double, like an op.

    It accepts NumPy's `axis` and `keepdims`, and PyTorch's `input` and `other` for its first two arguments.
    """

    def declare(body: Callable) -> Callable:
        aliases: dict | None = None  # made at the first call that needs them: importing is to be quick
        names: Any = ()

        @functools.wraps(body)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal aliases, names
            if kwargs:
                if aliases is None:
                    names = parameters(body)[0]
                    second = names[1] if len(names) > 1 else "other"
                    aliases = {**ALIASES, "input": names[0], "self": names[0], "other": second}
                    aliases = {old: new for old, new in aliases.items() if old not in names and new in names}
                if aliases:
                    kwargs = {aliases.get(name, name): value for name, value in kwargs.items()}
            destination = kwargs.pop("out") if "out" in kwargs and "out" not in names else None
            try:
                result = body(*args, **kwargs)
            except (AttributeError, TypeError) as error:
                raise argument_named(error, body, args, kwargs) from None
            return result if destination is None else write_out(result, destination)

        expose(call, method if isinstance(method, str) else body.__name__ if method else None, numpy)
        return call

    return declare


class _Output:
    """The plan of a node that is one of several outputs: its gradient goes to its place in the parent's tuple."""

    op = Op("output", lambda x: x, {})
    rules, joint, deferring = (), None, False


OUTPUT = _Output()


__all__ = ["NUMPY", "REGISTRY", "Op", "cast", "function", "op"]
