"""DataLoader: PyTorch's arguments and batches, and the same randomness for any number of workers."""

from __future__ import annotations

import random

import numpy as np
import pytest

import autograd
from autograd import data
from autograd.data.randomness import batch_stream, numpy_generator
from tests.conftest import referee
from tests.data.test_dataset import BOTH, plain, same, stream, tensors_of

torch = referee()


@pytest.fixture(autouse=True)
def _enough_cores(monkeypatch):
    """More workers than this machine has cores give a warning, which has a test of its own."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: range(64), raising=False)


class Squares(data.Dataset):
    def __init__(self, n=10):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return np.float32(index), index * index


class Noisy(data.Dataset):
    """Draws from every global generator that a dataset may use, and from one of its own."""

    def __init__(self, n=12, generator=None):
        self.n, self.generator = n, generator

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        own = numpy_generator(self.generator).random()
        return index, float(autograd.rand(()).item()), random.random(), np.random.random(), own


def epochs(dataset, count=2, **options):
    autograd.manual_seed(7)
    loader = data.DataLoader(dataset, **options)
    return [plain(list(loader)) for _ in range(count)]


PLAIN = [
    {},
    {"batch_size": 3},
    {"batch_size": 3, "drop_last": True},
    {"batch_size": None},
    {"batch_size": 20},
    {"sampler": [4, 1, 1]},
    {"batch_sampler": [[0], [3, 2, 1]]},
    {"batch_size": None, "sampler": [3, 1]},
    {"batch_size": 4, "collate_fn": len},
    {"batch_size": 4, "pin_memory": False, "timeout": 0},
]


@pytest.mark.parametrize("options", PLAIN, ids=str)
def test_batches_are_pytorch_s(options):
    def program(lib):
        dataset = lib.Subset(Squares(), range(10)) if lib is data else torch.utils.data.Subset(Squares(), range(10))
        loader = lib.DataLoader(dataset, **options)
        return [len(loader), list(loader), list(loader), loader.batch_size, loader.drop_last]

    same(program)


@pytest.mark.parametrize("options", PLAIN, ids=str)
def test_workers_make_the_same_batches(options):
    if options.get("timeout") is not None:
        options = {**options, "timeout": 30}
    serial = epochs(Squares(), **{**options, "timeout": 0})
    assert epochs(Squares(), **options, num_workers=2) == serial


@pytest.mark.parametrize("length", [0, 7])
@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}], ids=str
)
def test_streams_are_pytorch_s(options, length):
    def program(lib):
        loader = lib.DataLoader(stream(lib, length), **options)
        return [list(loader), len(loader)]

    same(program)


class Shared(data.IterableDataset):
    """A stream of which every worker reads its own share, some of them more than others."""

    def __init__(self, ends):
        self.ends = ends

    def __iter__(self):
        info = data.get_worker_info() or torch.utils.data.get_worker_info()
        start = sum(self.ends[: info.id])
        return iter(range(start, start + self.ends[info.id]))


class TorchShared(torch.utils.data.IterableDataset):
    def __init__(self, ends):
        self.ends = ends

    __iter__ = Shared.__iter__


@pytest.mark.parametrize("ends", [(5, 5), (1, 9), (9, 1), (0, 4), (0, 0), (4, 0, 9)])
def test_streams_of_unequal_shares(ends):
    options = {"batch_size": 2, "num_workers": len(ends)}
    for persistent in (False, True):
        loader = data.DataLoader(Shared(ends), **options, persistent_workers=persistent)
        for _ in range(2):
            batches = plain(list(loader))
            assert sorted(i for batch in batches for i in batch) == list(range(sum(ends)))
    expected = plain(list(torch.utils.data.DataLoader(TorchShared(ends), **options)))
    assert sorted(batches) == sorted(expected)


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": True, "drop_last": True}], ids=str)
def test_randomness_does_not_depend_on_workers(options):
    options = {"batch_size": 5, **options}
    serial = epochs(Noisy(), **options)
    assert serial[0] != serial[1], "every epoch draws anew"
    numbers = [number for batch in serial[0] for column in batch[1:] for number in column]
    assert len(set(numbers)) == len(numbers), "no number comes twice"
    for workers in (1, 2, 3):
        assert epochs(Noisy(), **options, num_workers=workers) == serial
    assert epochs(Noisy(), **options, num_workers=2, persistent_workers=True) == serial
    assert epochs(Noisy(), **options, num_workers=2, prefetch_factor=4) == serial


def test_an_explicit_generator_is_not_repeated_by_workers():
    def draws(seed, **options):
        dataset = Noisy(generator=autograd.Generator().manual_seed(seed))
        return [[n for batch in epoch for n in batch[4]] for epoch in epochs(dataset, batch_size=3, **options)]

    serial = draws(1)
    assert len({*serial[0], *serial[1]}) == 24
    assert draws(1, num_workers=2) == serial
    assert draws(2) != serial


def test_the_generator_decides_the_order():
    def order(seed, **options):
        loader = data.DataLoader(range(20), 4, True, generator=autograd.Generator().manual_seed(seed), **options)
        return [plain(list(loader)) for _ in range(2)]

    assert order(1) == order(1, num_workers=2)
    assert order(1) != order(2)
    state = autograd.get_rng_state().tolist()
    order(3)
    assert autograd.get_rng_state().tolist() == state, "the default generator has no part in it"


@pytest.mark.parametrize("workers", [0, 2])
def test_global_generators_stay_as_they_are(workers):
    random.seed(1)
    before = (
        random.getstate(),
        np.random.get_state(legacy=False)["state"]["key"].tolist(),
        np.random.get_bit_generator(),
    )
    epochs(Noisy(), batch_size=4, num_workers=workers)
    after = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist(), np.random.get_bit_generator()
    assert after == before
    # One number for the epoch's seed is all that is taken from the default generator.
    autograd.manual_seed(3)
    list(data.DataLoader(Noisy(), num_workers=workers))
    after = autograd.rand(3).tolist()
    autograd.manual_seed(3)
    autograd.default_generator.numpy.integers(2**63)
    assert autograd.rand(3).tolist() == after


def test_a_loader_inside_a_dataset():
    class Nested(data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            before = np.random.random()
            inner = [float(y) for batch in data.DataLoader(Noisy(3)) for y in batch[3]]
            return before, inner, np.random.random()

    first, second = epochs(Nested(), 1), epochs(Nested(), 1)
    assert first == second == epochs(Nested(), 1, num_workers=2)
    numbers = [n for batch in first[0] for n in [*batch[0], *batch[1][0], *batch[1][1], *batch[1][2], *batch[2]]]
    assert len(set(numbers)) == len(numbers)


def test_a_batch_s_stream_ends_with_it_even_in_an_error():
    bits, ours = np.random.get_bit_generator(), autograd.default_generator.numpy
    with pytest.raises(KeyError), batch_stream(1, 2):
        raise KeyError
    assert np.random.get_bit_generator() is bits
    assert autograd.default_generator.numpy is ours


def test_generator_of_another_kind():
    with pytest.raises(TypeError, match=r"must be an autograd\.Generator, got Generator"):
        numpy_generator(np.random.default_rng(0))  # type: ignore[arg-type]


@BOTH
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
        ({"num_workers": 1, "prefetch_factor": -2}, "prefetch_factor option should be"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "sampler": [0]}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, "batch_size should be a positive integer"),
        ({"multiprocessing_context": "fork"}, "multiprocessing_context can only be used with multi-process"),
        ({"multiprocessing_context": "spoon", "num_workers": 1}, "should specify a valid start method"),
    ],
    ids=str,
)
def test_arguments_that_contradict_each_other(lib, options, message):
    with pytest.raises(ValueError, match=message):
        lib.DataLoader([1, 2, 3], **options)


@BOTH
@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}], ids=str)
def test_streams_have_no_sampler(lib, options):
    with pytest.raises(ValueError, match=f"expected unspecified {next(iter(options))} option"):
        lib.DataLoader(stream(lib, 3), **options)
    lib.DataLoader(stream(lib, 3), shuffle=False)


@BOTH
def test_a_context_must_be_one(lib):
    with pytest.raises(TypeError, match="multiprocessing_context option should be a valid context object"):
        lib.DataLoader([1], num_workers=1, multiprocessing_context=3)


@BOTH
@pytest.mark.parametrize(
    "name", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
)
def test_attributes_that_are_fixed(lib, name):
    loader = lib.DataLoader([1, 2])
    with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader is initialized"):
        setattr(loader, name, None)
    loader.num_workers = 0
    loader.collate_fn = len


@BOTH
def test_too_many_workers_for_the_machine(lib, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)
    with pytest.warns(UserWarning, match="This DataLoader will create 2 worker processes in total"):
        iter(lib.DataLoader([1, 2], num_workers=2))


@BOTH
def test_a_stream_longer_than_its_length(lib):
    class Liar(lib.IterableDataset):
        def __iter__(self):
            return iter(range(3))

        def __len__(self):
            return 2

    loader = lib.DataLoader(Liar())
    assert len(list(loader)) == 3
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="Length of IterableDataset .* was reported to be 2"):
        list(loader)


@BOTH
def test_a_stream_without_length(lib):
    with pytest.raises(TypeError):
        len(lib.DataLoader(stream(lib, 3, known_length=False)))


def test_length_of_streams():
    for options in ({"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}):
        same(lambda lib, options=options: len(lib.DataLoader(stream(lib, 10), **options)))


def test_getitems_is_used():
    class Many(data.Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [10 * i for i in indices]

    assert plain(list(data.DataLoader(Many(), 2))) == [[0, 10], [20, 30]]


def test_errors_in_the_main_process_name_the_index():
    class Broken(Squares):
        def __getitem__(self, index):
            if index == 4:
                raise ValueError("no such picture")
            return super().__getitem__(index)

    batches = iter(data.DataLoader(Broken(), 3))
    next(batches)
    with pytest.raises(ValueError, match="no such picture") as caught:
        next(batches)
    assert caught.value.__notes__ == ["A DataLoader was at index 4."]
    with pytest.raises(ValueError, match="no such picture") as caught:
        list(data.DataLoader(Broken(), None))
    assert caught.value.__notes__ == ["A DataLoader was at index 4."]
    with pytest.raises(RuntimeError, match="equal size") as caught:
        list(data.DataLoader([[1], [1, 2]], 2))
    assert caught.value.__notes__ == ["A DataLoader was at batch 0, the indices [0, 1]."]


@pytest.mark.parametrize("workers", [0, 1])
def test_stop_iteration_in_a_dataset_does_not_end_the_epoch(workers):
    class Stops(Squares):
        def __getitem__(self, index):
            return next(iter([]))

    with pytest.raises(RuntimeError, match="the dataset raised StopIteration"):
        list(data.DataLoader(Stops(), 2, num_workers=workers))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_iterator_is_used_up_once(workers):
    batches = iter(data.DataLoader(Squares(4), 2, num_workers=workers))
    assert len(batches) == 2
    assert len(list(batches)) == 2
    assert list(batches) == []
    with pytest.raises(StopIteration):
        next(batches)


def test_two_iterators_at_once():
    loader = data.DataLoader(range(6), 2, num_workers=2)
    assert plain(list(zip(loader, loader, strict=True))) == [([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4, 5], [4, 5])]


def test_pin_memory_is_accepted():
    loader = data.DataLoader(range(3), pin_memory=True, pin_memory_device="cuda")
    assert plain(list(loader)) == [[0], [1], [2]]


def test_empty_dataset():
    assert same(lambda lib: list(lib.DataLoader([]))) == []
    assert list(data.DataLoader([], num_workers=1)) == []
    for lib in (data, torch.utils.data):
        with pytest.raises(ValueError, match="num_samples should be a positive integer"):
            lib.DataLoader([], shuffle=True)


def test_a_training_loop_runs_on_both():
    def program(lib):
        t = tensors_of(lib)
        dataset = lib.TensorDataset(t.arange(12.0).reshape(6, 2), t.arange(6))
        total = 0.0
        for x, y in lib.DataLoader(dataset, batch_size=4):
            total += float((x.sum(1) * y).sum())
        return total

    assert same(program) == 5 * 6 + sum((4 * i + 1) * i for i in range(6)) - 30
