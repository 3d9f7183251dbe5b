"""Fourier transforms: values, gradients of both orders, every layout, off the CPU."""

from __future__ import annotations

import pytest

from autograd.testing.cases import OpCase, each_check
from autograd.testing.samples import S

CASES = [
    *(OpCase(f"fft.{n}", S((6,)), S((2, 5)), S((5,), norm="ortho"), complex=n == "fft") for n in ("fft", "rfft")),
    *(OpCase(f"fft.{n}", S((6,)), S((2, 5)), torch=None) for n in ("ifft", "ihfft")),  # PyTorch's are conjugated lazily
    *(OpCase(f"fft.{n}", S((3, 4)), dtypes=("float64",)) for n in ("fft2", "ifftn", "rfftn", "irfft2", "hfft2")),
    OpCase("fft.fftshift", S((5,)), S((2, 4), dim=1)),
]


@pytest.mark.parametrize("check", each_check(CASES), ids=str)
def test_op(check):
    check()
