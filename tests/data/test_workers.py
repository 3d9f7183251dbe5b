"""Workers: what goes wrong in them is told, with the index, and nothing of them stays behind."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from multiprocessing import resource_tracker
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import data
from autograd.data.shared import Slot, pack, unpack
from tests.data.test_dataset import plain

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="these tests fork")
ROOT = Path(__file__).parents[2]
LONG = 100  # seconds, after which nothing will come any more, however busy the machine is


@pytest.fixture(autouse=True)
def _tidy(monkeypatch):
    """No test leaves a process or an open file."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: range(64), raising=False)
    resource_tracker.ensure_running()  # Python's own, which "spawn" would start
    files = open_files()
    yield
    assert multiprocessing.active_children() == []
    assert open_files() <= files


def open_files():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


class Trap(data.Dataset):
    """Does something at one index."""

    def __init__(self, action, at=5, n=12):
        self.action, self.at, self.n = action, at, n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if index == self.at:
            self.action()
        return index


def failing(kind, *args):
    def fail():
        raise kind(*args)

    return fail


class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def test_an_error_names_the_index_and_the_worker_and_keeps_its_type():
    batches = iter(data.DataLoader(Trap(failing(ValueError, "no such picture")), 4, num_workers=2))
    assert plain(next(batches)) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"no such picture") as caught:
        next(batches)
    text = str(caught.value)
    assert text.startswith("Caught ValueError in DataLoader worker process 1, at index 5.\nOriginal Traceback")
    assert "in __getitem__" in text
    assert plain(next(batches)) == [8, 9, 10, 11], "the epoch can go on, as in PyTorch"
    with pytest.raises(StopIteration):
        next(batches)


def test_errors_of_awkward_kinds():
    with pytest.raises(KeyError) as caught:
        list(data.DataLoader(Trap(failing(KeyError, "label")), num_workers=1))
    assert "\nKeyError: 'label'" in str(caught.value), "as lines, not as a repr"
    with pytest.raises(RuntimeError, match="Caught Odd in DataLoader worker process 0, at index 5"):
        list(data.DataLoader(Trap(failing(Odd, 1, 2)), num_workers=1))

    class Local(Exception):
        pass

    with pytest.raises(RuntimeError, match="Caught Local in DataLoader worker process 0, at index 5"):
        list(data.DataLoader(Trap(failing(Local)), num_workers=1))


def test_an_error_in_collate_names_the_batch():
    with pytest.raises(RuntimeError, match=r"at batch 0, the indices \[0, 1\]"):
        list(data.DataLoader([[1], [1, 2]], 2, num_workers=1))


def test_an_error_of_a_stream_names_the_batch():
    class Breaks(data.IterableDataset):
        def __iter__(self):
            yield from range(4)
            raise OSError("disk")

    with pytest.raises(OSError, match="at batch 2 of the stream"):
        list(data.DataLoader(Breaks(), 2, num_workers=1))


def test_what_cannot_be_sent_is_an_error():
    with pytest.raises(Exception, match="in DataLoader worker process 0, sending batch 0"):
        list(data.DataLoader([1], collate_fn=lambda batch: lambda: None, num_workers=1))

    def recorded(batch):
        return autograd.ones(2, requires_grad=True) * 2

    with pytest.raises(RuntimeError, match=r"return tensor\.detach\(\)"):
        list(data.DataLoader([1], collate_fn=recorded, num_workers=1))


@pytest.mark.parametrize(
    ("action", "how"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by SIGKILL"),
        (lambda: (faulthandler.disable(), os.kill(os.getpid(), signal.SIGSEGV)), "killed by SIGSEGV"),
        (lambda: os._exit(3), "exit code 3"),
    ],
)
def test_a_dead_worker_is_an_error_that_names_the_index(action, how):
    batches = iter(data.DataLoader(Trap(action), 4, num_workers=2))
    next(batches)
    with pytest.raises(RuntimeError, match=rf"worker \(pid\(s\) \d+\) exited unexpectedly \({how}\) at index 5"):
        next(batches)
    assert list(batches) == []


def test_a_worker_that_dies_between_batches():
    batches = iter(data.DataLoader(Trap(lambda: None, n=40), 4, num_workers=1))
    next(batches)
    for worker in batches._workers:
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.join()
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(batches)


def test_a_worker_that_dies_while_its_child_keeps_the_connection(monkeypatch):
    monkeypatch.setattr("autograd.data.workers._CHECK", 0.1)
    reading, writing = os.pipe()

    def die():
        if os.fork() == 0:
            os.close(writing)
            os.read(reading, 1)  # until the test is over
        os._exit(1)

    try:
        with pytest.raises(RuntimeError, match=r"exited unexpectedly .* at index 5"):
            list(data.DataLoader(Trap(die), num_workers=1, timeout=LONG))
    finally:
        os.close(writing)
        os.close(reading)


def test_timeout_names_the_index():
    arrived = multiprocessing.get_context("fork").Semaphore(0)
    batches = iter(data.DataLoader(Trap(lambda: arrived.release() or time.sleep(LONG)), 4, num_workers=2, timeout=LONG))
    next(batches)
    assert arrived.acquire(timeout=LONG)
    batches._loader.timeout = 0.1
    with pytest.raises(RuntimeError, match=r"timed out after 0\.1 seconds, while worker 1 was at index 5"):
        next(batches)


def test_leaving_the_loop_stops_the_workers():
    for _ in data.DataLoader(range(100), num_workers=2):
        break
    assert multiprocessing.active_children() == []


def test_persistent_workers_stay_and_come_back(monkeypatch):
    loader = data.DataLoader([0] * 4, collate_fn=lambda batch: os.getpid(), num_workers=2, persistent_workers=True)
    first = set(loader)
    assert len(first) == 2
    assert set(loader) == first
    next(iter(loader))  # leaves the epoch unfinished
    assert list(loader) == list(loader)
    assert set(loader) == first
    process = loader._iterator._workers[0].process
    process.kill()
    process.join()
    assert len(set(loader)) == 2
    assert set(loader).isdisjoint(first), "a dead one is replaced"


def test_ctrl_c_is_for_the_main_process():
    loader = data.DataLoader(range(40), 4, num_workers=2, persistent_workers=True)
    batches = iter(loader)
    for worker in batches._workers:
        os.kill(worker.process.pid, signal.SIGINT)  # some have hardly begun
    assert len(list(batches)) == 10, "it may have its reasons to go on"
    assert len(list(loader)) == 10


def test_a_start_that_fails_leaves_nothing():
    loader = data.DataLoader(range(4), collate_fn=lambda batch: batch, num_workers=1, multiprocessing_context="spawn")
    with pytest.raises(Exception, match="pickle"):
        iter(loader)


def test_worker_info_and_init_function():
    seen = multiprocessing.get_context("fork").SimpleQueue()

    def init(worker):
        info = data.get_worker_info()
        seen.put((worker, info.id, info.num_workers, info.seed, len(info.dataset), autograd.initial_seed()))

    assert data.get_worker_info() is None
    loader = data.DataLoader(range(4), num_workers=2, worker_init_fn=init)
    list(loader)
    told = sorted(seen.get() for _ in range(2))
    seen.close()
    assert [t[:3] for t in told] == [(0, 0, 2), (1, 1, 2)]
    assert told[1][3] == told[0][3] + 1
    assert [t[4] for t in told] == [4, 4]
    assert [t[5] for t in told] == [t[3] for t in told]
    assert data.get_worker_info() is None


def test_an_error_in_the_init_function():
    with pytest.raises(ZeroDivisionError, match="in DataLoader worker process 0, in worker_init_fn"):
        list(data.DataLoader(range(4), num_workers=1, worker_init_fn=lambda worker: 1 // 0))


def test_out_of_order_gives_every_batch_once():
    go_on = multiprocessing.get_context("fork").Event()

    def first_waits(batch):
        if 0 in batch:
            go_on.wait(LONG)
        return batch

    batches = iter(data.DataLoader(range(12), 2, num_workers=2, in_order=False, collate_fn=first_waits))
    first = next(batches)
    go_on.set()
    assert first != [0, 1]
    assert sorted([first, *batches]) == [[i, i + 1] for i in range(0, 12, 2)]


@pytest.mark.parametrize("size", [0, 1, 1000, 300_000])
def test_batches_of_any_size_arrive_whole_and_as_the_receiver_s_own(size):
    class Sized(data.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return np.full((index % 3) * size, index, np.float32)

    batches = list(data.DataLoader(Sized(), None, num_workers=2))
    for index, batch in enumerate(batches):
        assert batch.tolist() == [index] * ((index % 3) * size)
        batch += 1  # writable, and nobody else's
    for index, batch in enumerate(batches):
        assert batch.tolist() == [index + 1] * ((index % 3) * size)


def test_structures_and_dtypes_arrive_as_they_left():
    sample = {
        "tensor": autograd.arange(6).reshape(2, 3),
        "grad": autograd.ones(2, requires_grad=True),
        "float16": autograd.ones(3, dtype=autograd.float16),
        "scalar": autograd.ones(3).sum(),
        "view": autograd.arange(6).reshape(2, 3).T,
        "strings": ["a", b"b", None],
        "named": np.arange(3),
    }
    (got,) = data.DataLoader([sample], None, num_workers=1)
    assert list(got) == list(sample)
    for name in ("tensor", "grad", "float16", "scalar", "view"):
        assert isinstance(got[name], autograd.Tensor)
        assert got[name].dtype == sample[name].dtype
        assert got[name].requires_grad == sample[name].requires_grad
        assert got[name].tolist() == sample[name].tolist()
    assert got["strings"] == sample["strings"]


def test_where_memory_is_short_batches_come_through_the_socket(monkeypatch):
    room = Slot.room
    monkeypatch.setattr(Slot, "room", lambda self, size: None if data.get_worker_info() else room(self, size))
    batches = list(data.DataLoader(range(400_000), 100_000, num_workers=2))
    assert [batch.sum().item() for batch in batches] == [sum(range(i, i + 100_000)) for i in range(0, 400_000, 100_000)]


def test_where_there_is_no_memory_for_the_indices_it_is_an_error(monkeypatch):
    monkeypatch.setattr(Slot, "room", lambda self, size: None)
    with pytest.raises(MemoryError, match=r"indices of batch 0 need \d+ bytes of shared memory"):
        list(data.DataLoader(range(8), 4, num_workers=2))


def test_a_slot_that_cannot_grow_says_so(monkeypatch):
    def no_space(fd, start, size):
        raise OSError(28, "No space left on device")

    slot = Slot()
    monkeypatch.setattr(os, "posix_fallocate", no_space, raising=False)
    total, inline = pack(np.zeros(100_000), slot)
    assert total == len(inline)
    assert unpack(inline).shape == (100_000,)
    size, inline = pack([1, 2], slot)
    assert inline is None
    assert unpack(slot.contents(size)) == [1, 2]
    slot.close()


def run_script(body, **options):
    """A program of its own, in a process group of its own, as a terminal would start it."""
    script = textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_until(pids, states):
    """Until each of the processes is in one of the states that Linux has letters for; Z: it is gone."""
    end = time.monotonic() + LONG
    while not all(state(pid) in states for pid in pids):
        assert time.monotonic() < end, [state(pid) for pid in pids]
        time.sleep(0.01)


def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


ENDLESS = """
    import sys, time, warnings
    warnings.simplefilter("ignore")
    from autograd import data

    class Slow(data.Dataset):
        def __len__(self):
            return 10_000
        def __getitem__(self, index):
            time.sleep(0.02)
            return index

    batches = iter(data.DataLoader(Slow(), 4, num_workers=2))
    next(batches)
    print(*(worker.process.pid for worker in batches._workers), flush=True)
    for batch in batches:
        {inside}
"""


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks into /proc")
@pytest.mark.parametrize("inside", ["pass", "time.sleep(60)"], ids=["while waiting", "while training"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_survives_the_main_one(how, inside):
    process = run_script(ENDLESS.format(inside=inside))
    try:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        wait_until([process.pid], "S")
        if how == signal.SIGINT:
            os.killpg(process.pid, how)  # Ctrl-C reaches the whole group
        else:
            process.send_signal(how)
        _, errors = process.communicate(timeout=LONG)
    finally:
        process.kill()
        process.wait()
    if how == signal.SIGINT:
        assert errors.strip().endswith("KeyboardInterrupt")
        assert errors.count("Traceback") == 1, "the workers say nothing"
    wait_until(pids, "Z")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_ways_to_start(method, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(f"""
        import autograd
        from autograd import data

        class Noisy(data.Dataset):
            def __init__(self):
                self.table = autograd.arange(6)
            def __len__(self):
                return 6
            def __getitem__(self, index):
                return self.table[index], autograd.rand(2)

        def run(**options):
            autograd.manual_seed(0)
            return [[x.tolist(), y.tolist()] for x, y in data.DataLoader(Noisy(), 2, shuffle=True, **options)]

        if __name__ == "__main__":
            serial = run()
            assert run(num_workers=1, multiprocessing_context="{method}") == serial
            print("done")
        """)
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert done.stdout == "done\n", done.stderr
    assert done.stderr == ""
