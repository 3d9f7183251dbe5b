"""Reading and writing by every kind of index, against PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import autograd as ag
from tests.conftest import referee


class T:
    """An index array: a list of these becomes a tensor in either world."""

    def __init__(self, values, dtype=None):
        self.values = np.asarray(values, dtype)

    def __repr__(self):
        return f"T({self.values.tolist()})"


def localized(index, make):
    if isinstance(index, tuple):
        return tuple(localized(p, make) for p in index)
    return make(index.values) if isinstance(index, T) else index


def random_part(random, n):
    """An index for dimensions from one of length n on, and how many dimensions it takes."""
    kind = random.integers(9)
    if kind == 0:
        return int(random.integers(-n, n)), 1
    if kind == 1:
        a, b = sorted(random.integers(-n - 1, n + 2, 2).tolist())
        return slice(a, b, int(random.integers(1, 3))), 1
    if kind == 2:
        return slice(None), 1
    if kind == 3:
        return None, 0
    if kind == 4:
        return T(random.integers(-n, n, random.integers(1, 4)) if random.random() < 0.5 else [random.integers(n)]), 1
    if kind == 5:
        return T(random.integers(0, n, (2, 1)), "int32"), 1
    if kind == 6:
        return T(random.random(n) < 0.5), 1
    if kind == 7:
        return random.integers(0, n, 2).tolist(), 1
    return (T(int(random.integers(n))) if random.random() < 0.5 else bool(random.integers(2))), None


def random_index(random, shape):
    parts, dim = [], 0
    while dim < len(shape) and random.random() < 0.85:
        part, taken = random_part(random, shape[dim])
        parts.append(part)
        dim += (0 if isinstance(part, bool) else 1) if taken is None else taken
    if random.random() < 0.25:
        parts.insert(int(random.integers(len(parts) + 1)), ...)
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], list) else tuple(parts)


def outcome(x, index):
    try:
        return x[index], None
    except (IndexError, RuntimeError, ValueError) as error:
        return None, error


@pytest.mark.parametrize("start", range(0, 1200, 200))
def test_random_indices(start):
    torch = referee()
    warnings.simplefilter("ignore")
    for seed in range(start, start + 200):
        random = np.random.default_rng(seed)
        shape = tuple(random.integers(1, 5, random.integers(1, 5)).tolist())
        index = random_index(random, shape)
        data = random.normal(size=shape)
        where = f"seed {seed}: {shape}[{index!r}]"
        t, o = torch.tensor(data, requires_grad=True), ag.tensor(data, requires_grad=True)
        t_index, o_index = localized(index, torch.tensor), localized(index, ag.tensor)
        read_t, t_error = outcome(t, t_index)
        read_o, o_error = outcome(o, o_index)
        assert (t_error is None) == (o_error is None), f"{where}\nPyTorch: {t_error!r}\nours: {o_error!r}"
        if t_error is not None:
            continue
        assert tuple(read_o.shape) == tuple(read_t.shape), where
        np.testing.assert_array_equal(read_o.detach().numpy(), read_t.detach().numpy(), err_msg=where)
        g = random.normal(size=tuple(read_t.shape))
        read_t.backward(torch.tensor(g))
        read_o.backward(ag.tensor(g))
        np.testing.assert_allclose(o.grad.numpy(), t.grad.numpy(), rtol=1e-12, atol=1e-12, err_msg=where)
        write(torch, random, data, tuple(read_t.shape), t_index, o_index, where)


def write(torch, random, data, shape, t_index, o_index, where):
    """Assign a value that broadcasts to the place, recorded."""
    value_shape = tuple(n if random.random() < 0.7 else 1 for n in shape[int(random.integers(len(shape) + 1)) :])
    values = np.full(value_shape, random.normal()) if 0 in shape else random.normal(size=value_shape)
    # Of a place that is named several times any of the values may stay: give them all the same.
    values = np.full(value_shape, round(float(values.reshape(-1)[0]), 3)) if values.size else values
    results = []
    for module, index in ((torch, t_index), (ag, o_index)):
        x, v = module.tensor(data, requires_grad=True), module.tensor(values, requires_grad=True)
        y = x * 1.0
        y[index] = v
        (y * y).sum().backward()
        grads = [np.zeros(z.shape) if z.grad is None else z.grad.numpy() for z in (x, v)]
        results.append((y.detach().numpy(), *grads))
    for theirs, ours, what in zip(*results, ("value", "gradient", "gradient of what was written"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12, err_msg=f"{where}: {what}")


ASSIGNMENTS = [
    "x[0] = 1.7", "x[0, 0] = 1.7", "x[[0, 1]] = 1.7", "x[x > 2] = 1.7", "f[[0]] = m.ones(3, dtype=m.float64)",
    "f[0] = m.ones(3, dtype=m.float64)", "f[f == 0] = m.tensor(2, dtype=m.int64)", "f[[0]] = m.tensor(2, dtype=m.int64)",
    "f[0] = 1j", "f[0] = m.ones(1, 1, 3)", "f[0] = m.ones(2)", "f[0] = [1, 2, 3]", "f[[0]] = m.ones(2)", "f[f == 0] = m.ones(2)",
    "x[0] = m.tensor([1.5, 2.0, 3.0])", "f[[0, 0]] = m.ones(1, 2, 3)", "f[True] = 3", "f[False] = 3", "f[()] = 4",
    "f[m.tensor(0)] = 3", "f[5] = 1", "f[0, 0, 0] = 1", "f[:, m.tensor([0, 2])] = m.ones(2, 1)", "f[...] = m.arange(3.0)",
    "f.t()[0] = m.ones(2)", "f[0][1] = 5", "f[:, 1] += 2", "f[[0, 0], :] += 1", "f[None, 0] = 2", "x[1] = True",
    "f.index_put_((m.tensor([0, 0]),), m.ones(3), accumulate=True)", "f.masked_fill_(f == 0, 2)", "f.index_fill_(1, m.tensor([0]), 9)",
    "f.scatter_(1, m.tensor([[0], [2]]), 7.0)", "f.fill_(1j)", "f.copy_(m.ones(2))", "x.copy_(m.full((2, 3), 2.9))",
]  # fmt: skip


@pytest.mark.parametrize("code", ASSIGNMENTS)
def test_assignments(code):
    torch = referee()
    states = []
    for module in (torch, ag):
        x, f = module.arange(6).reshape(2, 3), module.zeros(2, 3)
        try:
            exec(code, {"x": x, "f": f, "m": module})
            states.append((True, x.tolist(), f.tolist()))
        except (RuntimeError, IndexError, TypeError, ValueError):
            states.append((False, x.tolist(), f.tolist()))
    assert states[1] == states[0]


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (5, IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
        ((0, 0, 0), IndexError, "too many indices"),
        (1.5, IndexError, "valid indices"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        (T([0, 7]), IndexError, "index 7 is out of bounds for dimension 0"),
        (T([True, False, True]), IndexError, "shape of the mask"),
        (T([1.0]), IndexError, "long, int, byte or bool"),
        ((T([0, 1]), T([0, 1, 2])), IndexError, "could not be broadcast together"),
        ([[0, 1], [1, 0]], IndexError, "list of lists"),
    ],
)
def test_errors_say_what_is_wrong(index, error, message):
    with pytest.raises(error, match=message):
        ag.zeros(2, 3)[localized(index, ag.tensor)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ag.gather(x, 1, ag.tensor([[7]])), "out of bounds"),
        (lambda x: x.scatter(1, ag.tensor([[0]]), ag.ones(1, 1, dtype=ag.float64)), "dtype"),
        (lambda x: x.index_select(0, ag.tensor([2])), "out of bounds"),
        (lambda x: x.masked_fill(ag.tensor([1, 0, 1]), 0.0), "boolean"),
    ],
)
def test_errors_of_functions_with_indices(call, message):
    with pytest.raises((RuntimeError, IndexError), match=message):
        call(ag.zeros(2, 3))


def test_an_element_is_a_view():
    x = ag.zeros(3)
    x[1].add_(5)
    for row in x.reshape(3, 1):
        row += 1
    assert x.tolist() == [1, 6, 1]


@pytest.mark.parametrize("length", [20, 400])  # a few rows, each often; many rows, each seldom
@pytest.mark.parametrize("width", [1, 3, 64, 100])
def test_gradients_of_repeated_rows_add_up(length, width):
    random = np.random.default_rng(0)
    rows = random.integers(0, length, 500)
    g = random.normal(size=(500, width))
    expected = np.zeros((length, width))
    np.add.at(expected, rows, g)
    for take in (lambda table, rows: table[rows], lambda table, rows: ag.nn.functional.embedding(rows, table)):
        table = ag.tensor(random.normal(size=(length, width)), requires_grad=True)
        take(table, ag.tensor(rows)).backward(ag.tensor(g))
        np.testing.assert_allclose(table.grad.numpy(), expected, rtol=1e-10, atol=1e-14)


def test_second_derivatives():
    x = ag.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = x[[0, 0, 1], [1, 1, 2]] ** 3
    (g,) = ag.autograd.grad(y.sum(), x, create_graph=True)
    (gg,) = ag.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(gg.numpy(), [[0, 12, 0], [0, 0, 30]])


def test_a_list_with_a_slice_in_it_is_a_tuple():
    x = ag.arange(6).reshape(2, 3)
    assert ag.equal(x[[slice(None), slice(None, None, 2)]], x[:, ::2])
