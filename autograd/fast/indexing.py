"""Elements and rows at places that indices name."""

from __future__ import annotations

import numpy as np

from . import compiled, prange

__all__ = ["add_along", "add_rows", "take_along"]


@compiled
def add_rows(table, places, rows, columns):
    """table[places[i]] += rows[i], one row after the other; each job does so for some columns, so that no two write the same."""
    width = table.shape[1]
    for job in prange((width + columns - 1) // columns):
        first, end = job * columns, min(job * columns + columns, width)
        for i in range(places.size):
            total, row = table[places[i], first:end], rows[i, first:end]
            for j in range(end - first):
                total[j] += row[j]


@compiled
def take_along(x, index, out, columns):
    """out[i, j, k] = x[i, index[i, j, k], k]; each job does so for some k."""
    jobs = (out.shape[2] + columns - 1) // columns
    for job in prange(out.shape[0] * jobs):
        i, first = job // jobs, job % jobs * columns
        end = min(first + columns, out.shape[2])
        if out.shape[2] == 1:
            for j in range(out.shape[1]):
                out[i, j, 0] = x[i, np.uintp(index[i, j, 0]), 0]  # unsigned: it is not negative
        else:
            for j in range(out.shape[1]):
                for k in range(first, end):
                    out[i, j, k] = x[i, np.uintp(index[i, j, k]), k]


@compiled
def add_along(total, index, x, columns):
    """total[i, index[i, j, k], k] += x[i, j, k], for one j after the other."""
    jobs = (x.shape[2] + columns - 1) // columns
    for job in prange(x.shape[0] * jobs):
        i, first = job // jobs, job % jobs * columns
        end = min(first + columns, x.shape[2])
        if x.shape[2] == 1:
            for j in range(x.shape[1]):
                total[i, np.uintp(index[i, j, 0]), 0] += x[i, j, 0]
        else:
            for j in range(x.shape[1]):
                for k in range(first, end):
                    total[i, np.uintp(index[i, j, k]), k] += x[i, j, k]
