"""Whole PyTorch programs, run by PyTorch and, with only their import lines changed, by gradloom: they print the same.

Each draws its data and its first weights from NumPy, so that both start from the same numbers.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import warnings
from pathlib import Path

import pytest

import autograd as ag
from tests.conftest import referee
from tests.parity.imports import swapped

torch = referee()
pytestmark = pytest.mark.cpu("programs say themselves where their tensors are, and what from_numpy gives is on the CPU")

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
_NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf|nan)")
_NODE = re.compile(r",?\s*grad_fn=<\w+>")  # PyTorch's names say how it computes


def printed(code, library, dtype, folder, monkeypatch):
    """What a program prints, with this default type, run in an empty folder."""
    before, text = library.get_default_dtype(), io.StringIO()
    monkeypatch.chdir(folder)
    library.set_default_dtype(getattr(library, dtype))
    try:
        with contextlib.redirect_stdout(text), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(code, {"__name__": "__main__"})
    finally:
        library.set_default_dtype(before)
    return _NODE.sub("", re.sub(r"\b(torch|autograd)\.", "", text.getvalue()))


def differences(expected: str, actual: str, rtol: float) -> list[str]:
    """The lines in which other words stand, or numbers that are not close."""
    lines = [[" ".join(x.split()) for x in text.splitlines()] for text in (expected, actual)]
    if len(lines[0]) != len(lines[1]):
        return [f"{len(lines[0])} lines, not {len(lines[1])}", *map(str, zip(*lines, strict=False))]

    def same(x: str, y: str) -> bool:
        a, b = (list(map(float, _NUMBER.findall(line))) for line in (x, y))
        close = [
            math.isclose(p, q, rel_tol=rtol, abs_tol=rtol) or (p != p and q != q) for p, q in zip(a, b, strict=False)
        ]
        return _NUMBER.split(x) == _NUMBER.split(y) and len(a) == len(b) and all(close)

    return [f"PyTorch:  {x}\ngradloom: {y}" for x, y in zip(*lines, strict=True) if not same(x, y)]


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-3), ("float64", 1e-6)])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_prints_what_it_prints_in_pytorch(program, dtype, rtol, tmp_path, monkeypatch):
    source = program.read_text(encoding="utf-8")
    folders = [tmp_path / "theirs", tmp_path / "ours"]
    for folder in folders:
        os.mkdir(folder)
    # PyTorch's sample databases, which other tests load, forbid setting what every program may set.
    with getattr(torch.backends, "__allow_nonbracketed_mutation")():
        theirs = printed(compile(source, str(program), "exec"), torch, dtype, folders[0], monkeypatch)
    ours = printed(swapped(source, str(program)), ag, dtype, folders[1], monkeypatch)
    assert theirs.count("\n") >= 10
    assert not differences(theirs, ours, rtol), "\n".join(differences(theirs, ours, rtol)[:10])
