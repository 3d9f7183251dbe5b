"""One set of threads: asked for by number, used from several of the user's threads, left behind by a fork."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import autograd as ag
from autograd import fast
from autograd.data import DataLoader, TensorDataset
from autograd.fast import linalg, threads


@pytest.fixture
def numba():
    found = pytest.importorskip("numba")
    if not fast.available():
        pytest.skip("the environment switches kernels off")
    return found


def large():
    return np.random.default_rng(0).standard_normal((300, 400)).astype(np.float32)


def test_number_of_threads():
    before = ag.get_num_threads()
    with pytest.raises(RuntimeError, match="positive"):
        ag.set_num_threads(0)
    ag.set_num_threads(1)
    assert ag.get_num_threads() == 1
    ag.set_num_threads(before)


@pytest.mark.parametrize(("said", "count"), [("3", 3), ("2,1", 2), ("", threads._default_threads.__wrapped__)])
def test_omp_num_threads(said, count, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    expected = count() if callable(count) else count
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert threads._default_threads.__wrapped__() == expected


def test_omp_num_threads_is_what_the_kernels_take(numba):
    """One thread more than there are cores to run it makes a product of 64 × 64 a hundred times as slow."""
    code = "import numpy as np, autograd as ag; a = np.ones((300, 400), np.float32); ag.tensor(a) @ ag.tensor(a.T.copy())\n"
    code += "import numba; assert numba.get_num_threads() == 1, numba.get_num_threads()"
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_NUM_THREADS"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment | {"OMP_NUM_THREADS": "1"})


def test_disabled_takes_the_formula():
    with fast.disabled():
        assert not fast.available()
        assert not fast.ready(large())


def test_small_arrays_and_other_types_stay_with_numpy():
    assert not fast.ready(np.ones(10, np.float32))
    assert not fast.ready(large().astype(np.float64))
    assert not fast.ready(large().T)
    assert not fast.ready(ag.ones(300, 400))


def test_the_environment_switches_it_off():
    code = "from autograd import fast; assert not fast.available()"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "GRADLOOM_FAST": "0"})


def test_two_threads_launch_kernels_at_once(numba):
    x = large()
    expected = ag.sigmoid(ag.tensor(x)).numpy()
    wrong = []

    def work():
        for _ in range(50):
            if not np.array_equal(ag.sigmoid(ag.tensor(x)).numpy(), expected):
                wrong.append(1)

    users = [threading.Thread(target=work) for _ in range(3)]
    for t in users:
        t.start()
    for t in users:
        t.join()
    assert not wrong


def test_worker_processes_after_a_kernel_has_run(numba):
    """GNU OpenMP ends a forked process that uses the threads of its parent: there NumPy computes."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    x = ag.tensor(large())
    expected = ag.sigmoid(x).numpy()

    def collate(samples):
        assert not fast.available()
        return ag.sigmoid(ag.stack([row for (row,) in samples]))

    loader = DataLoader(
        TensorDataset(x), batch_size=300, num_workers=1, collate_fn=collate, multiprocessing_context="fork"
    )
    (batch,) = list(loader)
    np.testing.assert_allclose(batch.numpy(), expected, rtol=1e-6)
    assert fast.available()


def test_shared_work_is_done_once_and_its_errors_arrive():
    done = []
    threads.shared(done.append, range(100))
    assert sorted(done) == list(range(100))

    def fails(job):
        if job == 7:
            raise KeyError("seven")
        time.sleep(0.001)  # as NumPy does while it computes: lets the others run

    with pytest.raises(KeyError, match="seven"):
        threads.shared(fails, range(20))
    threads.shared(done.append, range(100, 110))  # and goes on working
    assert len(done) == 110


def test_shared_work_inside_shared_work():
    done = []
    threads.shared(lambda i: threads.shared(lambda j: done.append((i, j)), range(3)), range(4))
    assert sorted(done) == [(i, j) for i in range(4) for j in range(3)]


def test_blas_has_its_threads_back():
    if (found := threads.blas()) is None:
        pytest.skip("NumPy has another BLAS here")
    before = found[0]()
    with threads.one_blas_thread():
        assert found[0]() == 1
    assert found[0]() == before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_the_same_however_they_are_shared(dtype):
    rng = np.random.default_rng(0)
    with fast.disabled():
        for x, y in (
            ((300, 70), (70, 200)),
            ((70, 200), (200, 300)),
            ((8, 64, 96), (8, 96, 64)),
            ((1, 2, 300, 90), (1, 2, 90, 80)),
        ):
            a, b = rng.standard_normal(x).astype(dtype), rng.standard_normal(y).astype(dtype)
            expected = np.matmul(a.astype(np.longdouble), b.astype(np.longdouble))
            np.testing.assert_allclose(linalg.matmul(a, b), expected, atol=1e3 * np.finfo(dtype).eps)
