"""Freed memory stays with the process, unless the environment says otherwise."""

import os
import subprocess
import sys

import pytest

from autograd.memory import keep_freed_memory

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
