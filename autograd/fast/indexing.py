"""Rows added at places of a table."""

from __future__ import annotations

from . import compiled, prange

__all__ = ["add_rows"]


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
