"""Samplers: PyTorch's rules, and distributions that are what they claim to be."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
from autograd import data
from tests.conftest import referee
from tests.data.test_dataset import BOTH, same, tensors_of

torch = referee()


def generator(seed=0):
    return autograd.Generator().manual_seed(seed)


def test_sequential():
    assert same(lambda lib: [list(lib.SequentialSampler("abc")), len(lib.SequentialSampler("abc"))]) == [[0, 1, 2], 3]


@pytest.mark.parametrize(
    "options", [{}, {"num_samples": 3}, {"num_samples": 25}, {"replacement": True, "num_samples": 70}]
)
def test_random_sampler_lengths(options):
    def program(lib):
        sampler = lib.RandomSampler(range(10), **options)
        return [len(sampler), len(list(sampler))]

    same(program)


def test_random_sampler_without_replacement_goes_by_permutations():
    drawn = list(data.RandomSampler(range(10), num_samples=25))
    assert sorted(drawn[:10]) == sorted(drawn[10:20]) == list(range(10))
    assert len(set(drawn[20:])) == 5
    assert drawn[:10] != drawn[10:20]


def test_random_sampler_with_replacement_is_uniform():
    drawn = list(data.RandomSampler(range(10), True, 10_000))
    assert np.bincount(drawn, minlength=10) == pytest.approx(1000, abs=150)  # five standard deviations


def test_random_sampler_follows_its_generator():
    def draw(g, epochs=2):
        sampler = data.RandomSampler(range(20), generator=g)
        return [list(sampler) for _ in range(epochs)]

    one, two = draw(generator(3))
    assert one != two, "every epoch has an order of its own"
    assert draw(generator(3)) == [one, two]
    autograd.manual_seed(5)
    default = draw(None)
    autograd.manual_seed(5)
    assert draw(None) == default


def test_what_else_is_drawn_meanwhile_changes_no_order():
    g = generator(1)
    whole = list(data.RandomSampler(range(9000), True, generator=g))
    g.manual_seed(1)
    order = iter(data.RandomSampler(range(9000), True, generator=g))
    begun = [next(order)]
    autograd.rand(3, generator=g)
    assert begun + list(order) == whole


@BOTH
def test_random_sampler_errors(lib):
    with pytest.raises(TypeError, match="replacement should be a boolean"):
        lib.RandomSampler([1], replacement=1)
    for wrong in (0, -1, 1.5):
        with pytest.raises(ValueError, match="num_samples should be a positive integer"):
            lib.RandomSampler([1], num_samples=wrong)
    with pytest.raises(ValueError, match="num_samples should be a positive integer"):
        lib.RandomSampler([])


def test_subset_random_sampler():
    sampler = data.SubsetRandomSampler(list(range(100, 150)), generator())
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(100, 150))
    assert first != second
    assert len(sampler) == 50
    assert list(data.SubsetRandomSampler(list(range(100, 150)), generator())) == first


def test_weighted_sampler_draws_by_weight():
    weights = [1.0, 0.0, 3.0, 6.0]
    drawn = np.bincount(list(data.WeightedRandomSampler(weights, 10_000)), minlength=4)
    assert drawn[1] == 0
    assert drawn / 10_000 == pytest.approx([0.1, 0, 0.3, 0.6], abs=0.025)  # five standard deviations


def test_weighted_sampler_without_replacement():
    sampler = data.WeightedRandomSampler(autograd.tensor([0.2, 5.0, 1.0, 0.0]), 3, replacement=False)
    for _ in range(20):
        assert sorted(sampler) == [0, 1, 2]
    assert sampler.weights.dtype == autograd.float64


@BOTH
def test_weighted_sampler_errors(lib):
    for wrong in (0, -1, True, 2.0):
        with pytest.raises(ValueError, match="num_samples should be a positive integer"):
            lib.WeightedRandomSampler([1.0], wrong)
    with pytest.raises(ValueError, match="replacement should be a boolean"):
        lib.WeightedRandomSampler([1.0], 1, replacement=1)
    with pytest.raises(ValueError, match="1d sequence"):
        lib.WeightedRandomSampler(tensors_of(lib).ones(2, 2), 1)


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_weights_that_are_no_probabilities_are_refused(weights):
    with pytest.raises(RuntimeError):
        list(torch.utils.data.WeightedRandomSampler(weights, 1))
    with pytest.raises(ValueError, match="finite, none negative"):
        data.WeightedRandomSampler(weights, 1)


def test_more_samples_than_weights():
    with pytest.raises(ValueError, match="as many positive weights, got 1"):
        data.WeightedRandomSampler([1.0, 0.0], 2, replacement=False)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [0, 1, 3, 9, 10])
def test_batch_sampler(n, drop_last):
    def program(lib):
        sampler = lib.BatchSampler(range(n), 3, drop_last)
        return [list(sampler), len(sampler)]

    same(program)


@BOTH
def test_batch_sampler_errors(lib):
    for wrong in (0, -1, True, 2.0):
        with pytest.raises(ValueError, match="batch_size should be a positive integer"):
            lib.BatchSampler([1], wrong, False)
    with pytest.raises(ValueError, match="drop_last should be a boolean"):
        lib.BatchSampler([1], 1, 0)


def test_batch_sampler_of_an_iterator_without_length():
    assert list(data.BatchSampler(iter(range(3)), 2, False)) == [[0, 1], [2]]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("n", "replicas"), [(10, 3), (9, 3), (2, 5), (1, 4), (11, 2)])
def test_distributed_sampler(n, replicas, drop_last):
    def program(lib):
        shares = [
            lib.DistributedSampler(range(n), replicas, rank, shuffle=False, drop_last=drop_last)
            for rank in range(replicas)
        ]
        return [[list(share), len(share)] for share in shares]

    same(program)


def test_distributed_shares_are_disjoint_and_change_with_the_epoch():
    shares = [data.DistributedSampler(range(20), 4, rank, seed=3) for rank in range(4)]
    first = [list(share) for share in shares]
    assert sorted(i for share in first for i in share) == list(range(20))
    assert [list(share) for share in shares] == first
    for share in shares:
        share.set_epoch(1)
    second = [list(share) for share in shares]
    assert sorted(i for share in second for i in share) == list(range(20))
    assert second != first


@BOTH
def test_distributed_sampler_errors(lib):
    for rank in (-1, 2):
        with pytest.raises(ValueError, match=r"rank should be in the interval \[0, 1\]"):
            lib.DistributedSampler(range(4), 2, rank)


def test_distributed_sampler_has_no_process_group_to_ask():
    with pytest.raises(RuntimeError, match="pass num_replicas and rank"):
        data.DistributedSampler(range(4))
