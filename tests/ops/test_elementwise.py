"""Pointwise ops: extreme values and mixed types, operators, changes in place."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn.functional
from nn.functional import gelu
from tests.conftest import referee
from tests.fast.common import both, using

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.5, 1e-30, 1e30, 100.0, -100.0, np.inf, -np.inf, np.nan])
UNARIES = [
    "abs", "acos", "acosh", "angle", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg2rad", "digamma",
    "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "floor", "frac", "i0", "isfinite", "isinf", "isnan", "isneginf",
    "isposinf", "lgamma", "log", "log10", "log1p", "log2", "logit", "nan_to_num", "neg", "rad2deg", "reciprocal",
    "relu", "round", "rsqrt", "sgn", "sigmoid", "sign", "signbit", "sin", "sinc", "sinh", "sqrt", "square", "tan",
    "tanh", "trunc", "special.entr", "special.erfcx", "special.i0e", "special.i1", "special.i1e", "special.ndtr",
    "special.log_ndtr", "special.ndtri",
]  # fmt: skip


def _find(place, name):
    for part in name.split("."):
        place = getattr(place, part)
    return place


@pytest.mark.parametrize("name", UNARIES)
def test_extreme_values_and_other_types(name):
    """Infinities, NaN, zeros of both signs, integers and bools give what PyTorch gives, in its types."""
    torch = referee()
    for array in (SPECIAL, SPECIAL.astype(np.float32), np.array([0, 1, 2, 7]), np.array([True, False])):
        try:
            expected = _find(torch, name)(torch.from_numpy(array.copy())).numpy()
        except (RuntimeError, TypeError):
            continue  # PyTorch has it not for this type
        out = _find(ag, name)(ag.from_numpy(array.copy()))
        assert out.dtype == expected.dtype
        single = expected.dtype == np.float32
        np.testing.assert_allclose(out.numpy(), expected, rtol=1e-4 if single else 1e-9, atol=1e-6 if single else 1e-14)


BINARIES = [
    "add", "sub", "mul", "div", "true_divide", "floor_divide", "remainder", "fmod", "pow", "atan2", "maximum",
    "minimum", "fmax", "fmin", "hypot", "copysign", "logaddexp", "logaddexp2", "xlogy", "special.xlog1py", "eq", "ne",
    "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "float_power", "heaviside", "nextafter",
]  # fmt: skip


@pytest.mark.parametrize("name", BINARIES)
def test_extreme_pairs_and_mixed_types(name):
    torch = referee()
    x, y = np.meshgrid(SPECIAL[SPECIAL != 1e30], SPECIAL[SPECIAL != 1e30])
    small, few = np.array([[0, 1], [-3, 7]]), np.array([2, 5])
    pairs = [
        (x, y),
        (small.astype(np.float32), few),
        (few, small.astype(np.float64)),
        (few, few),
        (few > 2, few),
        (few > 2, few > 3),
    ]
    for a, b in pairs:
        try:
            expected = _find(torch, name)(torch.from_numpy(a.copy()), torch.from_numpy(b.copy())).numpy()
        except (RuntimeError, TypeError):
            continue
        out = _find(ag, name)(ag.from_numpy(a.copy()), ag.from_numpy(b.copy()))
        assert out.dtype == expected.dtype, (a.dtype, b.dtype)
        np.testing.assert_allclose(
            out.numpy(), expected, rtol=1e-6 if expected.dtype == np.float32 else 1e-12, atol=1e-15
        )


@pytest.mark.parametrize(
    "symbol", ["+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!=", "&", "|", "^", "<<", ">>"]
)
def test_operators_and_their_reflections(symbol):
    torch = referee()
    whole = symbol in ("&", "|", "^", "<<", ">>")
    values = np.array([1, 2, 3]) if whole else np.array([0.5, 2.0, 3.0])
    for text in (
        f"t {symbol} t.flip(0)",
        f"t {symbol} 2",
        f"2 {symbol} t",
        *([] if whole else [f"t {symbol} 1.5", f"1.5 {symbol} t"]),
    ):
        expected = eval(text, {"t": torch.from_numpy(values.copy())}).numpy()
        out = eval(text, {"t": ag.from_numpy(values.copy())})
        assert out.dtype == expected.dtype, text
        np.testing.assert_allclose(out.numpy(), expected, err_msg=text)


@pytest.mark.parametrize("symbol", ["+=", "-=", "*=", "/=", "//=", "%=", "**=", "&=", "|=", "^=", "<<=", ">>="])
def test_augmented_assignment_writes_to_the_same_memory(symbol):
    whole = symbol[0] in "&|^<>"
    array = np.array([4, 5, 6]) if whole else np.array([4.0, 5.0, 6.0])
    t, expected = ag.from_numpy(array), array.copy()
    view = t[1:]
    names = {"t": t, "expected": expected}
    exec(f"t {symbol} 2\nexpected {symbol} 2", names)
    assert names["t"] is t
    np.testing.assert_array_equal(t.numpy(), expected)
    np.testing.assert_array_equal(view.numpy(), expected[1:])


def test_in_place_variants_match_the_others():
    """Every name with an underscore computes what the name without computes, in the same memory, and is recorded."""
    from autograd.ops.operators import INPLACE

    arguments = {
        "addcdiv": (2.0, 3.0), "addcmul": (2.0, 3.0), "clamp": (0.3, 0.6), "clip": (0.3, 0.6), "clamp_max": (0.6,), "clamp_min": (0.6,),
        "cumprod": (0,), "cumsum": (0,), "lerp": (2.0, 0.25), "mvlgamma": (1,), "polygamma": (1,), "pow": (2.5,), "float_power": (2.5,),
    }  # fmt: skip
    whole = {"bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift", "gcd", "lcm"}
    pairs = {
        "add", "arctan2", "atan2", "copysign", "div", "divide", "eq", "floor_divide", "fmod", "ge", "greater", "greater_equal", "gt",
        "heaviside", "hypot", "igamma", "igammac", "ldexp", "le", "less", "less_equal", "logical_and", "logical_or", "logical_xor",
        "lt", "mul", "multiply", "ne", "nextafter", "not_equal", "remainder", "sub", "subtract", "true_divide", "xlogy",
    }  # fmt: skip
    for name in INPLACE:
        values = np.array([4, 6, 9]) if name in whole or name == "bitwise_not" else np.array([0.25, 0.5, 0.75])
        if name in ("acosh", "arccosh", "mvlgamma"):
            values = values + 1
        args = arguments.get(name, ())
        if name in pairs or name in whole:
            args = (ag.from_numpy(values[::-1].copy()),)
        if name in ("addcdiv", "addcmul", "lerp"):
            args = (ag.from_numpy(values * 2), args[1] if name == "lerp" else ag.from_numpy(values * 3))
        expected = getattr(ag.from_numpy(values.copy()), name)(*args)
        t = ag.from_numpy(values.copy())
        assert getattr(t, f"{name}_")(*args) is t, name
        np.testing.assert_allclose(t.numpy(), expected.numpy().astype(t.dtype), err_msg=name)


def test_integers_cannot_be_divided_by_zero():
    for f in (ag.floor_divide, ag.remainder, ag.fmod):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            f(ag.tensor([1, 2]), ag.tensor([1, 0]))


def test_ties_of_maximum_share_the_gradient_and_stay_float32():
    x = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = ag.tensor([1.0, 5.0, 0.0], requires_grad=True)
    ag.maximum(x, y).sum().backward()
    assert x.grad.tolist() == [0.5, 0, 1]
    assert y.grad.tolist() == [0.5, 1, 0]
    assert x.grad.dtype == ag.float32


def test_sigmoid_far_out():
    x = ag.tensor([-1000.0, -50.0, 0.0, 50.0, 1000.0], dtype=ag.float64, requires_grad=True)
    y = ag.sigmoid(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), [0, np.exp(-50), 0.5, 1, 1], rtol=1e-14)
    assert np.isfinite(x.grad.numpy()).all()


def test_real_and_imag_are_views():
    z = ag.tensor([1 + 2j, 3 - 4j])
    z.real.mul_(10)
    z.imag[0] = 7
    assert z.tolist() == [10 + 7j, 30 - 4j]
    with pytest.raises(RuntimeError, match="complex"):
        ag.imag(ag.ones(2))
    x = ag.ones(2)
    assert x.real is x


def test_writing_to_the_real_part_is_recorded():
    torch = referee()
    grads = []
    for library in (ag, torch):
        x = library.tensor([1.0 + 2j, 3 - 1j], dtype=library.complex128, requires_grad=True)
        z = x * (2 + 1j)
        z.real.mul_(3)
        (z.real * z.real + z.imag).sum().backward()
        grads.append(np.asarray(x.grad.resolve_conj().numpy()))
    np.testing.assert_allclose(*grads)


def test_isclose_allclose_equal():
    a = ag.tensor([1.0, np.nan, np.inf, -np.inf, 1e-9])
    b = ag.tensor([1.0 + 1e-7, np.nan, np.inf, np.inf, 0.0])
    assert ag.isclose(a, b).tolist() == [True, False, True, False, True]
    assert ag.isclose(a, b, equal_nan=True).tolist() == [True, True, True, False, True]
    assert ag.allclose(a[:1], b[:1]) is True
    assert ag.equal(a[:1], a[:1].clone()) is True
    assert ag.equal(a[:1], a[:2]) is False
    with pytest.raises(RuntimeError, match="same dtype"):
        ag.isclose(a, b.double())


def test_other_operands_get_their_turn():
    class Other:
        def __eq__(self, other):
            return "mine"

        def __radd__(self, other):
            return "mine"

    assert (ag.ones(2) == Other()) == "mine"
    assert (ag.ones(2) == None) is False  # noqa: E711


def test_complex_numbers_have_no_order():
    z = ag.tensor([1j, 2.0])
    for f in (ag.max, ag.min, ag.amax, ag.amin, ag.sort, ag.median, ag.argmax):
        with pytest.raises(RuntimeError, match=r"order|real numbers"):
            f(z)
    for f in (ag.maximum, ag.minimum, ag.fmax, ag.lt, ag.ge):
        with pytest.raises(RuntimeError, match="order"):
            f(z, z)
    with pytest.raises(RuntimeError, match="order"):
        z.clamp(0, 1)


def test_derivatives_of_sinc_are_exact_near_0():
    """PyTorch's second derivative at 1e-7 is off by 4 parts in 1,000: differences of what is nearly equal."""
    x = ag.tensor([0.0, 1e-12, 9e-8, 1e-5, 1e-3], dtype=ag.float64, requires_grad=True)
    pi, z = np.pi, np.pi * x.detach().numpy()
    series = [
        -pi * (z / 3 - z**3 / 30 + z**5 / 840),
        -(pi**2) * (1 / 3 - z**2 / 10 + z**4 / 168),
        pi**3 * (z / 5 - z**3 / 42 + z**5 / 1080),
        pi**4 * (1 / 5 - z**2 / 14 + z**4 / 216),
    ]
    y = ag.sinc(x)
    for expected in series:
        (y,) = ag.autograd.grad(y.sum(), x, create_graph=True)
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-14)


def test_second_derivatives_of_products_with_small_factors():
    for f in (lambda x: x.prod(), lambda x: x.cumprod(0).sum()):
        x = ag.tensor([1e-9, 3.0, -2.0], dtype=ag.float64, requires_grad=True)
        (slope,) = ag.autograd.grad(f(x), x, create_graph=True)
        (again,) = ag.autograd.grad(slope[0], x)
        assert again[0] == 0  # exactly: a product is linear in each of its factors


def test_gelu_far_below_0():
    """Φ is no difference from 1 there: 1 + erf(x / √2) would be nothing but rounding."""
    x = ag.tensor([-9.0, -11.4, -20.0], dtype=ag.float64, requires_grad=True)
    y = gelu(x)
    (slope,) = ag.autograd.grad(y.sum(), x)
    np.testing.assert_allclose(
        y.detach().numpy(), [-1.01572956536e-18, -2.38327878078e-29, -5.50724823721e-88], rtol=1e-11
    )
    np.testing.assert_allclose(slope.numpy(), [-9.13893737391e-18, -2.71662780179e-28, -1.10143604831e-86], rtol=1e-11)


MASKED = {
    "relu": lambda lib, x: lib.relu(x),
    "sqrt after relu": lambda lib, x: lib.relu(x).sqrt(),
    "clamp": lambda lib, x: x.clamp(-1, 1),
    "clamp from below": lambda lib, x: x.clamp(min=0),
    "clamp from above": lambda lib, x: x.clamp(max=0),
    "clamp between tensors": lambda lib, x: x.clamp(lib.zeros_like(x), lib.ones_like(x)),
    "maximum": lambda lib, x: lib.maximum(x, -x),
    "minimum": lambda lib, x: lib.minimum(x, lib.ones_like(x)),
    "fmax": lambda lib, x: lib.fmax(x, lib.zeros_like(x)),
    "fmin": lambda lib, x: lib.fmin(x, lib.zeros_like(x)),
    "hardtanh": lambda lib, x: lib.nn.functional.hardtanh(x),
    "hardsigmoid": lambda lib, x: lib.nn.functional.hardsigmoid(x),
    "hardswish": lambda lib, x: lib.nn.functional.hardswish(x),
    "softshrink": lambda lib, x: lib.nn.functional.softshrink(x),
    "hardshrink": lambda lib, x: lib.nn.functional.hardshrink(x),
    "threshold": lambda lib, x: lib.nn.functional.threshold(x, 0.1, 20),
    "leaky_relu": lambda lib, x: lib.nn.functional.leaky_relu(x),
}


class Ours:
    """`ag` and `nn`, where PyTorch has them."""

    nn = nn

    def __getattr__(self, name):
        return getattr(ag, name)


@both
@pytest.mark.parametrize("repeats", [1, 5000])
@pytest.mark.parametrize("name", MASKED)
def test_no_gradient_comes_through_a_mask(name, repeats, compiled):
    """Where an element has no part in the result its gradient is 0, also if what comes from the result is infinite or NaN."""
    torch = referee()
    x = np.tile(np.array([-7, -1, -0.25, -0.0, 0, 0.25, 1, 7, np.inf, -np.inf], np.float32), repeats)
    for incoming in (1.0, np.inf, np.nan):
        slopes = []
        for lib in (Ours(), torch):
            leaf = lib.tensor(x, requires_grad=True)
            with using(compiled):
                y = MASKED[name](lib, leaf)
                y.backward(lib.full_like(y, incoming))
            slopes.append(leaf.grad.numpy())
        np.testing.assert_allclose(*slopes, rtol=1e-6)


@both
@pytest.mark.parametrize("repeats", [1, 20_000])
@pytest.mark.parametrize("name", ["relu", "hardtanh", "softshrink", "hardshrink", "threshold"])
def test_a_gradient_that_is_nan_comes_through_where_the_element_is_nan(name, repeats, compiled):
    """A mask would hide that something went wrong."""
    x = ag.full((repeats,), np.nan, requires_grad=True)
    with using(compiled):
        MASKED[name](Ours(), x).backward(ag.full((repeats,), np.nan))
    assert np.isnan(x.grad.numpy()).all()


def test_the_slope_of_mish_is_1_far_out():
    x = ag.tensor([19.0, 21.0, 1e5, 1e20, 3e38, np.inf], requires_grad=True)
    nn.functional.mish(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 1, rtol=1e-6)


def test_threshold_lets_nan_through():
    x = ag.tensor([np.nan, 0.0, 1.0])
    np.testing.assert_array_equal(nn.functional.threshold(x, 0.1, 20).numpy(), [np.nan, 20, 1])
