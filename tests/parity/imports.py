"""The one change that a PyTorch program needs: its import lines, as the README's table has them."""

from __future__ import annotations

import ast
from types import CodeType


def ours(path: str) -> str:
    """``torch.nn.functional`` is nn.functional, ``torch.utils.data`` is autograd.utils.data."""
    parts = path.split(".")[1:]
    return ".".join(parts if parts and parts[0] in ("nn", "optim") else ["autograd", *parts])


class _Imports(ast.NodeTransformer):
    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return [ast.copy_location(self.changed(alias), node) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        path = "" if node.level else node.module or ""  # `from .torch import x` is not PyTorch's
        if path == "torch":  # `from torch import nn, vmap`: two packages
            return [
                ast.copy_location(
                    self.changed(ast.alias(f"torch.{a.name}", a.asname or a.name))
                    if a.name in ("nn", "optim")
                    else ast.ImportFrom("autograd", [a], 0),
                    node,
                )
                for a in node.names
            ]
        if path.startswith("torch."):
            node.module = ours(path)
        return node

    @staticmethod
    def changed(alias: ast.alias) -> ast.Import:
        if alias.name.split(".")[0] != "torch":
            return ast.Import([alias])
        if alias.asname is None:  # `import torch.x` binds the name torch
            return ast.Import([ast.alias("autograd", "torch")])
        return ast.Import([ast.alias(ours(alias.name), alias.asname)])


def swapped(source: str, path: str) -> CodeType:
    """A PyTorch program compiled for gradloom: nothing but its import statements is changed."""
    return compile(ast.fix_missing_locations(_Imports().visit(ast.parse(source, path))), path, "exec")
