"""Where arrays begin; and freed memory stays with the process, unless the environment says otherwise."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import autograd as ag
from autograd.graph import owner
from autograd.memory import Scratch, at_a_line, copied_to_a_line, keep_freed_memory

PROGRAM = """
import resource, numpy as np, autograd
def step():
    arrays = [np.ones(1 << 20) for _ in range(8)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10): step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is for glibc")
def test_memory_that_was_freed_is_used_again():
    if not keep_freed_memory():
        pytest.skip("another C library, or the environment has settings of its own")
    found = subprocess.run([sys.executable, "-c", PROGRAM], env=os.environ, capture_output=True, text=True, check=True)
    assert int(found.stdout) < 10 * 8 * 2048 // 10  # of so many pages that are touched


def test_settings_of_the_environment_are_left_alone(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "100000")
    assert not keep_freed_memory()


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (7, 300)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex128])
def test_arrays_that_begin_at_a_line_own_their_memory(shape, dtype):
    kept = [at_a_line(np.empty(0, dtype), shape) for _ in range(5)]
    for array in kept:
        assert (array.shape, array.dtype, array.ctypes.data % 64) == (shape, dtype, 0)
        assert array.flags.c_contiguous
        assert owner(array) is array
        array[...] = 1
    values = np.arange(12.0).reshape(3, 4).T
    np.testing.assert_array_equal(copied_to_a_line(values), values)
    x = ag.from_numpy(copied_to_a_line(values))
    assert x[1:].storage_offset() == 3
    assert x[1:].as_strided((4, 3), (3, 1), 0).tolist() == values.tolist()


def test_scratch_is_used_again_by_its_thread_only():
    scratch, like = Scratch(), np.empty(0, np.float32)
    first = scratch(like, "name", (3, 4))
    assert first.shape == (3, 4)
    assert np.shares_memory(first, scratch(like, "name", (2, 2)))
    assert not np.shares_memory(first, scratch(like, "another", (3, 4)))
    assert not np.shares_memory(first, scratch(like.astype(float), "name", (3, 4)))
    others = []
    thread = threading.Thread(target=lambda: others.append(scratch(like, "name", (3, 4))))
    thread.start()
    thread.join()
    assert not np.shares_memory(first, others[0])


def test_scratch_keeps_zeros_and_forgets_what_is_old():
    scratch, like = Scratch(), np.empty(0, np.float32)
    scratch.zeros(like, "name", (2, 3))[:, 0] = 1
    np.testing.assert_array_equal(scratch.zeros(like, "name", (2, 3)), [[1, 0, 0]] * 2)
    for k in range(scratch.MOST):
        scratch.zeros(like, k, (2, 3))[...] = 7
    assert len(scratch.kept) == scratch.MOST
    assert not scratch.zeros(like, "name", (2, 3)).any()
