"""Pictures, tables and answers about graphs; nothing here is loaded by ``import autograd``.

>>> import autograd as ag
>>> from autograd import draw
>>> x = ag.tensor([1.0, 2.0], requires_grad=True)
>>> print(draw.graph((x * x).sum()).to_text())
%0 = input x -> 2 float32
%1 = multiply(%0, %0) -> 2 float32
%2 = sum(%1) -> scalar float32
output %2
"""

from __future__ import annotations

from .dot import GraphvizNotFound
from .drawing import Drawing, graph
from .plots import History, attention, confusion, curves, histograms, images
from .recording import Recording, record
from .structure import Call, Graph, Node, Param, Stats
from .table import Summary, summary

__all__ = [
    "Call",
    "Drawing",
    "Graph",
    "GraphvizNotFound",
    "History",
    "Node",
    "Param",
    "Recording",
    "Stats",
    "Summary",
    "attention",
    "confusion",
    "curves",
    "graph",
    "histograms",
    "images",
    "record",
    "summary",
]
