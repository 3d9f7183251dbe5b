"""default_collate and default_convert give what PyTorch's give: structure, values and dtypes."""

from __future__ import annotations

from collections import OrderedDict, UserDict, defaultdict, namedtuple

import numpy as np
import pytest

import autograd
from autograd import data
from autograd.data.collate import collate, default_collate_fn_map
from tests.conftest import referee
from tests.data.test_dataset import BOTH, tensors_of

torch = referee()
Point = namedtuple("Point", "x y")


def described(value):
    """Structure, dtypes and values in words that do not depend on the library."""
    if hasattr(value, "requires_grad"):
        return ("tensor", str(value.dtype).rpartition(".")[2], tuple(value.shape), value.tolist())
    if isinstance(value, dict | UserDict):
        return (type(value).__name__, [(key, described(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return (type(value).__name__, [described(item) for item in value])
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.tolist())
    return (type(value).__name__, value)


def array(dtype, n=3):
    return np.arange(n).astype(dtype)


SAMPLES = {
    "int": 3,
    "float": 2.5,
    "bool": True,
    "str": "text",
    "bytes": b"bytes",
    **{f"array {d}": array(d) for d in ("float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool")},
    "complex array": array("complex64"),
    "0-d array": np.array(2.0),
    "empty array": np.zeros((0, 2)),
    "2-d array": np.arange(6).reshape(2, 3),
    "strided array": np.arange(12).reshape(3, 4)[:, ::2],
    **{f"scalar {d}": np.dtype(d).type(1) for d in ("float32", "float64", "int64", "int8", "bool")},
    "tuple": (1, 2.0, "x"),
    "list": [1, [2.0, array("float32")]],
    "dict": {"a": 1, "b": {"c": array("int64")}},
    "ordered": OrderedDict(b=1, a=2.0),
    "defaultdict": defaultdict(list, a=1),
    "userdict": UserDict(a=1),
    "named": Point(1, array("float32")),
    "empty tuple": (),
    "range": range(2),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("n", [1, 3])
def test_collate(name, n):
    batch = [SAMPLES[name]] * n
    assert described(data.default_collate(batch)) == described(torch.utils.data.default_collate(batch))


@pytest.mark.parametrize("name", SAMPLES)
def test_convert(name):
    sample = SAMPLES[name]
    assert described(data.default_convert(sample)) == described(torch.utils.data.default_convert(sample))


@pytest.mark.parametrize(
    "dtypes", [["float32"], ["float32", "float64"], ["int64", "float32"], ["bool", "int8"], ["uint8"]]
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_collate_tensors(dtypes, shape):
    def program(lib):
        t = tensors_of(lib)
        return lib.default_collate([t.ones(shape, dtype=getattr(t, d)) for d in dtypes * 2])

    assert described(program(data)) == described(program(torch.utils.data))


def test_collated_memory_is_the_batch_s_own():
    one = autograd.zeros(3)
    batch = data.default_collate([one])
    batch += 1
    assert one.tolist() == [0, 0, 0]
    source = np.zeros(3)
    batch = data.default_collate([source, source])
    batch += 1
    assert source.tolist() == [0, 0, 0]


def test_gradients_flow_through_collate():
    leaves = [autograd.ones(2, requires_grad=True) for _ in range(3)]
    (data.default_collate(leaves) * autograd.tensor([[1.0], [2.0], [3.0]])).sum().backward()
    assert [leaf.grad.tolist() for leaf in leaves] == [[1, 1], [2, 2], [3, 3]]


def test_subclasses_of_containers_keep_what_they_carry():
    class Tagged(dict):
        tag = None

    sample = Tagged(a=1)
    sample.tag = "kept"
    assert data.default_collate([sample]).tag == "kept"
    assert data.default_collate([defaultdict(list, a=1)]).default_factory is list


@BOTH
def test_errors(lib):
    for wrong in (object(), None, {1}, np.array(["a"]), np.array([None])):
        with pytest.raises(TypeError, match="batch must contain tensors, numpy arrays, numbers, dicts or lists"):
            lib.default_collate([wrong])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        lib.default_collate([[1, 2], [1]])
    t = tensors_of(lib)
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        lib.default_collate([t.zeros(2), t.zeros(3)])
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        lib.default_collate([np.zeros(2), np.zeros(3)])
    with pytest.raises(KeyError):
        lib.default_collate([{"a": 1}, {"b": 1}])


def test_shapes_that_would_add_up_are_not_mixed():
    # Joined end to end these would fill a (3, 2, 2) array, wrongly.
    with pytest.raises(RuntimeError, match="equal size"):
        data.default_collate([np.zeros((2, 2)), np.zeros((3, 2)), np.zeros((1, 2))])


def test_own_types_can_be_added():
    class Meters(float):
        pass

    table = {Meters: lambda batch, *, collate_fn_map: f"{sum(batch)} m", **default_collate_fn_map}
    assert collate([Meters(1), Meters(2)], collate_fn_map=table) == "3.0 m"
    assert collate([(Meters(1), "a")], collate_fn_map=table) == ["1.0 m", ("a",)]


def test_without_a_map_nothing_is_known():
    with pytest.raises(TypeError):
        collate([1])
