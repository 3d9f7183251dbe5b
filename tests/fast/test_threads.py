"""One set of threads: asked for by number, used from several of the user's threads, left behind by a fork."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import autograd as ag
from autograd import fast
from autograd.data import DataLoader, TensorDataset


@pytest.fixture
def numba():
    return pytest.importorskip("numba")


def large():
    return np.random.default_rng(0).standard_normal((300, 400)).astype(np.float32)


def test_number_of_threads():
    before = ag.get_num_threads()
    with pytest.raises(RuntimeError, match="positive"):
        ag.set_num_threads(0)
    ag.set_num_threads(1)
    assert ag.get_num_threads() == 1
    ag.set_num_threads(before)


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


def test_importing_loads_no_numba():
    code = "import autograd, nn, optim, sys; assert not {'numba', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_two_threads_launch_kernels_at_once(numba):
    x = large()
    expected = ag.sigmoid(ag.tensor(x)).numpy()
    wrong = []

    def work():
        for _ in range(50):
            if not np.array_equal(ag.sigmoid(ag.tensor(x)).numpy(), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
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
