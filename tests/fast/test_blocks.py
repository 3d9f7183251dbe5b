"""Formulas as lists of NumPy calls: the same numbers as the formula, in few registers."""

import math
import weakref

import numpy as np
import pytest

import autograd as ag
import nn.functional as F
from autograd.fast import LARGE, disabled, fused, threads
from autograd.fast.blocks import ALONE, CACHE, Notes, trace
from autograd.fast.scalars import normal_cdf, normal_density

FLOAT = np.dtype(np.float32)
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -3e38, 1.5], np.float32)


def numbers(count=2, size=LARGE, dtype=np.float32):
    """Arrays in which every pair of special numbers meets."""
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(size).astype(dtype) for _ in range(count)]
    n = len(SPECIAL)
    with np.errstate(over="ignore"):
        for i, a in enumerate(arrays):
            a[: n * n] = (np.repeat if i % 2 else np.tile)(SPECIAL, n)
    return arrays


def run(formula, *values):
    with disabled():
        return fused(formula)(*values)


FORMULAS = {
    "polynomial": lambda x, y: (x * 0.5 + y) * x - 3 / y,
    "in place": lambda x, y: in_place(x, y),
    "choice": lambda x, y: np.where(x > y, x, y * 2),
    "choice of numbers": lambda x, y: np.where(x > 0, 1.0, np.where(y >= 0, -0.0, y)),
    "choice or nothing": lambda x, y: np.where(x > y, x * 2, 0) + np.where(y > 1, y, 0),
    "limits": lambda x, y: np.maximum(np.minimum(x, 1), -1) + np.maximum(0, y),
    "conditions": lambda x, y: x * ((x > -1) & (y < 1)),
    "condition as the result": lambda x, y: (x > y) | (x == 0),
    "functions": lambda x, y: np.exp(-np.abs(x)) + np.tanh(y) * np.sqrt(x * x),
    "the second argument": lambda x, y: y,
}


def in_place(x, y):
    t = x * 1
    t += y
    t *= x
    return t


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", FORMULAS)
def test_same_bits_as_the_formula(name, dtype):
    x, y = numbers(dtype=dtype)
    with np.errstate(all="ignore"):
        wanted = FORMULAS[name](*(v.copy() for v in (x, y)))
    before = x.copy()
    got = run(FORMULAS[name], x, y)
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)
    if got.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(got, y)


@pytest.mark.parametrize("size", [LARGE, ALONE // 4 - 1, ALONE // 4 + 1, CACHE // 4 + 5])
def test_blocks_of_all_sizes_and_two_results(size):
    x, y = numbers(size=size)
    got = run(lambda x, y: (x * y + 1, x * y > 0, x * y + 1), x, y)
    with np.errstate(all="ignore"):
        for g, w in zip(got, (x * y + 1, x * y > 0, x * y + 1), strict=True):
            np.testing.assert_array_equal(g, w)
    assert not np.shares_memory(got[0], got[2])


def test_what_is_said_twice_is_done_once():
    program = trace(lambda x: np.exp(x * x) + np.exp(x * x) * (x * x), (FLOAT,))
    assert [f for f, _, _ in program.steps] == [np.multiply, np.exp, np.multiply, np.add]


def test_what_is_not_needed_is_not_done():
    def formula(x):
        np.exp(x)
        return x + 1

    assert [f for f, _, _ in trace(formula, (FLOAT,)).steps] == [np.add]


def test_registers_are_used_again():
    def formula(x):
        t = 1 / (x + 1)
        out = t * 0.25
        for _ in range(20):
            out = (out + 0.5) * t
        return out

    assert len(trace(formula, (FLOAT,)).registers) == 1  # t; the rest is in the memory of the result


STEPS = [
    lambda x, y, z: x * y, lambda x, y, z: x - y, lambda x, y, z: -x, lambda x, y, z: x + 0.5, lambda x, y, z: np.maximum(x, y),
    lambda x, y, z: np.where(x > y, z, y),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_whatever_is_done_with_them(seed):
    random = np.random.default_rng(seed)
    arrays = numbers(3)
    steps = [(STEPS[random.integers(6)], random.integers(0, 1000, 3)) for _ in range(random.integers(1, 14))]
    outs = random.integers(0, 1000, random.integers(1, 4))

    def formula(*values):
        values = list(values)
        for step, places in steps:
            values.append(step(*[values[n % len(values)] for n in places]))
        return tuple(values[-1 - n % min(4, len(values))] for n in outs)

    got = run(formula, *arrays)
    with np.errstate(all="ignore"):
        for g, w in zip(got if len(outs) > 1 else (got,), formula(*arrays), strict=True):
            np.testing.assert_array_equal(g, w)


def test_numbers_adapt_to_the_arrays_and_programs_to_all_numbers():
    (x,) = numbers(1)
    scaled = fused(lambda x, a, b: x * (a * b) + np.maximum(x, a - b))
    with disabled(), np.errstate(all="ignore"):
        for a, b in ((2.0, 3.0), (0.1, 7.0), (2, 3)):
            got = scaled(x, a, b)
            assert got.dtype == np.float32
            np.testing.assert_array_equal(got, x * (a * b) + np.maximum(x, a - b))


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: np.cumsum(x) * 0 + np.nan_to_num(x) * 0,
        lambda x: x.astype(np.float64) * 2,
        lambda x: np.where(x, x, 1),
        lambda x: np.multiply(x, 2, out=np.empty_like(x)),
    ],
)
def test_other_formulas_are_one_step(formula):
    x = np.random.default_rng(0).standard_normal(3 * LARGE).astype(np.float32)
    np.testing.assert_array_equal(run(formula, x), formula(x))


def test_a_formula_cannot_decide_by_its_elements():
    x = np.ones(LARGE, np.float32)
    with pytest.raises(TypeError, match="cannot decide"):
        bool(Notes().symbol(x))
    with pytest.raises(ValueError, match="ambiguous"):
        run(lambda x: x + 1 if x > 0 else x, x)


def test_normal_distribution_in_single_precision():
    x = np.linspace(-12, 12, 20_001).astype(np.float32)
    wanted = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x.tolist()])
    # The exponent, x²/2, is rounded, and that changes its exponential by as much.
    bound = 8e-7 * (1 + 0.5 * np.minimum(x, 0).astype(float) ** 2)
    assert (np.abs(normal_cdf(x) / wanted - 1) < bound).all()
    np.testing.assert_allclose(normal_cdf(SPECIAL[:4]), [np.nan, 1, 0, 0.5], rtol=1e-6)
    density = np.exp(-(x.astype(float) ** 2) / 2) / math.sqrt(2 * math.pi)
    assert (np.abs(normal_density(x) / density - 1) < 8e-7 * (1 + 0.5 * x.astype(float) ** 2)).all()


def test_normal_distribution_of_many():
    x = np.linspace(-12, 12, 20_001).astype(np.float32)
    wanted = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x.tolist()])
    got = run(normal_cdf, x)
    assert np.abs(got - wanted).max() < 2e-7
    assert np.abs(got / wanted - 1)[x > -4].max() < 1e-3  # 1 + erf(x / √2) in float32 has two digits there
    many = np.resize(SPECIAL, LARGE)
    wanted = np.array([np.nan, 1, 0, 0.5, 0.5, 0.5, 0, 0.9331928], np.float32)
    np.testing.assert_array_equal(run(normal_cdf, many)[: len(SPECIAL)], wanted)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("size", [100, LARGE + 1])
def test_gelu_and_its_slope(approximate, size):
    x = np.linspace(-9, 9, size)
    with disabled():
        results = []
        for dtype in (ag.float32, ag.float64):
            t = ag.tensor(x.astype(np.float32), dtype=dtype, requires_grad=True)
            y = F.gelu(t, approximate=approximate)
            y.sum().backward()
            results.append((y.detach().numpy(), t.grad.numpy()))
    for got, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=6e-7 if approximate == "none" else 2e-6)


def test_numbers_are_converted_once_where_that_changes_nothing():
    def types(formula, *kinds):
        return [getattr(n, "dtype", type(n)) for n in trace(formula, kinds).numbers]

    assert types(lambda x: x * 2 + 0.5, FLOAT) == [FLOAT, FLOAT]
    assert types(lambda x, a: x * 2.0 + x * (a * 2.0), FLOAT, float)[0] is float  # a * 2.0 is computed by Python
    assert types(lambda x, y: x * 2 + y * 2, FLOAT, np.dtype(float)) == [int]
    assert types(lambda x: (x > 0) * 2, FLOAT) == [FLOAT, int]


def test_threads_let_go_of_the_memory_that_they_worked_on(monkeypatch):
    monkeypatch.setattr(threads, "wanted", 2)
    with disabled():
        out = fused(lambda x: x * 2)(np.ones(ALONE, np.float32))
    memory = weakref.ref(out)
    del out
    assert memory() is None
