"""Datasets behave as PyTorch's: the same program runs on both."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
from autograd import data
from tests.conftest import referee

torch = referee()
torch_data = torch.utils.data

BOTH = pytest.mark.parametrize("lib", [data, torch_data], ids=["autograd", "torch"])


def tensors_of(lib):
    return autograd if lib is data else torch


def plain(value):
    """Tensors as lists, so that results of both can be compared."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    return value


def stream(lib, n, known_length=True):
    class Stream(lib.IterableDataset):
        def __iter__(self):
            return iter(range(n))

    if known_length:
        Stream.__len__ = lambda self: n
    return Stream()


def same(program):
    """What a program gives with our module, checked to be what it gives with PyTorch's."""
    ours, theirs = plain(program(data)), plain(program(torch_data))
    assert ours == theirs
    return ours


def test_tensor_dataset():
    def program(lib):
        t = tensors_of(lib)
        dataset = lib.TensorDataset(t.arange(6).reshape(3, 2), t.arange(3))
        return [len(dataset), dataset[1], dataset[-1], dataset[0:2], dataset[[2, 0]]]

    assert same(program)[1] == ([2, 3], 1)


@BOTH
def test_tensor_dataset_refuses_different_lengths(lib):
    t = tensors_of(lib)
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        lib.TensorDataset(t.zeros(3), t.zeros(4))


def test_tensor_dataset_needs_a_tensor():
    with pytest.raises(ValueError, match="at least one"):
        data.TensorDataset()


def test_concat_dataset():
    def program(lib):
        joined = lib.ConcatDataset([[1, 2], [], [3, 4, 5]])
        return [len(joined), [joined[i] for i in range(5)], joined[-5], joined[-1], joined.cumulative_sizes]

    assert same(program)[1] == [1, 2, 3, 4, 5]


@BOTH
def test_concat_dataset_errors(lib):
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        lib.ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        lib.ConcatDataset([stream(lib, 3)])
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        lib.ConcatDataset([[1, 2]])[-3]
    with pytest.raises(IndexError):
        lib.ConcatDataset([[1, 2]])[2]


def test_plus_joins():
    def program(lib):
        t = tensors_of(lib)
        one = lib.TensorDataset(t.arange(2))
        chained = stream(lib, 2) + stream(lib, 3)
        return [type(one + one).__name__, len(one + one), type(chained).__name__, list(chained), len(chained)]

    assert same(program) == ["ConcatDataset", 4, "ChainDataset", [0, 1, 0, 1, 2], 5]


@BOTH
def test_chain_dataset_takes_streams_only(lib):
    with pytest.raises(AssertionError, match="ChainDataset only supports IterableDataset"):
        list(lib.ChainDataset([[1, 2]]))
    with pytest.raises(AssertionError, match="ChainDataset only supports IterableDataset"):
        len(lib.ChainDataset([[1, 2]]))


def test_stack_dataset():
    def program(lib):
        rows, named = lib.StackDataset([1, 2, 3], "abc"), lib.StackDataset(x=[1, 2, 3], y="abc")
        return [rows[1], named[2], len(rows), rows.__getitems__([2, 0]), named.__getitems__([0, 1])]

    assert same(program)[:2] == [(2, "b"), {"x": 3, "y": "c"}]


def test_stack_dataset_asks_its_parts_for_many():
    def program(lib):
        subset = lib.Subset([10, 20, 30], [2, 1, 0])
        return lib.StackDataset(subset, subset).__getitems__([0, 2])

    assert same(program) == [(30, 30), (10, 10)]


@BOTH
def test_stack_dataset_errors(lib):
    with pytest.raises(ValueError, match="Size mismatch"):
        lib.StackDataset([1], [1, 2])
    with pytest.raises(ValueError, match="Size mismatch"):
        lib.StackDataset(a=[1], b=[1, 2])
    with pytest.raises(ValueError, match="both"):
        lib.StackDataset([1], a=[1])
    with pytest.raises(ValueError, match="t least one dataset"):
        lib.StackDataset()

    class Short(lib.Dataset):
        def __len__(self):
            return 3

        def __getitems__(self, indices):
            return [0]

    with pytest.raises(ValueError, match=r"output size mismatch. Expected 2, got 1"):
        lib.StackDataset(Short()).__getitems__([0, 1])


def test_subset():
    def program(lib):
        t = tensors_of(lib)
        whole = lib.TensorDataset(t.arange(10))
        subset = lib.Subset(whole, [7, 3, 5])
        return [len(subset), subset[0], subset[[0, 2]], subset.__getitems__([1, 2])]

    assert same(program) == [3, (7,), ([7, 5],), [(3,), (5,)]]


@BOTH
def test_subset_subclass_must_override_both(lib):
    class Half(lib.Subset):
        def __getitem__(self, index):
            return 0

    with pytest.raises(NotImplementedError, match="overrides __getitem__ but not __getitems__"):
        Half([1], [0])


@BOTH
def test_abstract_methods(lib):
    with pytest.raises(NotImplementedError):
        lib.Dataset()[0]
    with pytest.raises(NotImplementedError):
        iter(lib.Sampler())


@pytest.mark.parametrize("lengths", [[3, 7], [0.3, 0.3, 0.4], [0.35, 0.65], [0.99, 0.01], [10]])
@pytest.mark.filterwarnings("ignore:Length of split")
def test_random_split_sizes(lengths):
    def program(lib):
        return [len(part) for part in lib.random_split(range(10), lengths)]

    assert sum(same(program)) == 10


def test_random_split_is_a_partition_that_the_seed_decides():
    def split():
        parts = data.random_split(range(50), [20, 30], autograd.Generator().manual_seed(4))
        return [[int(x) for x in part] for part in parts]

    first, second = split()
    assert sorted(first + second) == list(range(50))
    assert first != sorted(first)
    assert split() == [first, second]
    autograd.manual_seed(1)
    one = list(data.random_split(range(50), [50])[0])
    autograd.manual_seed(1)
    assert list(data.random_split(range(50), [50])[0]) == one
    assert list(data.random_split(range(50), [50])[0]) != one


@BOTH
def test_random_split_errors(lib):
    with pytest.raises(ValueError, match="Sum of input lengths does not equal"):
        lib.random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        lib.random_split(range(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        lib.random_split(range(1), [0.99, 0.01])


def test_gathered_batch_equals_collated_samples():
    dataset = data.TensorDataset(autograd.arange(12.0).reshape(6, 2), autograd.arange(6))
    nested = data.Subset(data.Subset(dataset, [5, 3, 1, 0]), [3, 0, 2])
    for lot, indices in ((dataset, [4, 0, 0]), (nested, [2, 1])):
        gathered = lot.collated(indices)
        collated = data.default_collate([lot[i] for i in indices])
        assert plain(gathered) == plain(collated)
        assert [t.dtype for t in gathered] == [t.dtype for t in collated]


def test_overridden_items_are_not_bypassed():
    class Shifted(data.TensorDataset):
        def __getitem__(self, index):
            return tuple(t + 100 for t in super().__getitem__(index))

    dataset = Shifted(autograd.arange(4))
    assert plain(list(data.DataLoader(dataset, 2))) == [[[100, 101]], [[102, 103]]]
    assert plain(list(data.DataLoader(data.Subset(dataset, [3, 2]), 2))) == [[[103, 102]]]


def test_gradients_flow_through_a_batch():
    x = autograd.ones(4, 2, requires_grad=True)
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), 3)))
    batch.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[1, 1], [1, 1], [1, 1], [0, 0]])
