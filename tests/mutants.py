"""Checks broken one at a time: every mutant of a module that differs from it by one check.

A check is what decides: a condition, one part of it, a bound of a comparison, a raise, a handler, a call made for its
effect. Numbers, texts and arithmetic are left alone. Knows syntax trees only; :mod:`mutate_checks` runs tests on them.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

#: A bound that is in becomes one that is out, and the other way round.
_EDGES: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_QUANTIFIERS = {"any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change to a module.

    Attributes
    ----------
    where : str
        The function, with its class.
    lines : range
        Of the code that changed, to find the tests that run it.
    change : str
        What was there and what stands in its place.
    tree : ast.Module
        The whole module, changed.
    """

    where: str
    lines: range
    change: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """What tells it from the others of its module."""
        return f"{self.where}: {self.change}"


@dataclass(frozen=True)
class _Change:
    where: str
    node: ast.AST
    what: str
    apply: Callable[[ast.AST], ast.AST]


def find_mutants(source: str, functions: Collection[str] = ()) -> Iterator[Mutant]:
    """Return all mutants of a module, or of the functions named (``Class.method``), in the order of the code."""
    tree = ast.parse(source)
    for change in sorted(_Finder(functions).find(tree), key=lambda c: (_line(c.node), c.what)):
        # The copy is walked in the same order as the original, which finds the node again.
        place = next(i for i, node in enumerate(ast.walk(tree)) if node is change.node)
        changed = copy.deepcopy(tree)
        target = next(node for i, node in enumerate(ast.walk(changed)) if i == place)
        _Replace(target, change.apply(target)).visit(changed)
        lines = range(_line(change.node), (getattr(change.node, "end_lineno", None) or _line(change.node)) + 1)
        yield Mutant(change.where, lines, change.what, ast.fix_missing_locations(changed))


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, by: ast.AST) -> None:
        self.target, self.by = target, by

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.target:
            return ast.copy_location(self.by, node) if self.by is not node else node
        return super().visit(node)  # type: ignore[no-any-return]


class _Finder:
    """Walks a module and notes what may be changed."""

    def __init__(self, functions: Collection[str]) -> None:
        self.functions = functions
        self.found: list[_Change] = []
        self.scope: list[str] = []
        self.conditions: set[ast.expr] = set()

    def find(self, tree: ast.Module) -> list[_Change]:
        """Return the changes."""
        self._walk(tree)
        return self.found

    def _note(self, node: ast.AST, what: str, apply: Callable[[ast.AST], ast.AST]) -> None:
        where = ".".join(self.scope)
        # A function within a named one belongs to it.
        if self.scope and (not self.functions or any(f"{where}.".startswith(f"{f}.") for f in self.functions)):
            self.found.append(_Change(where, node, what, apply))

    def _walk(self, node: ast.AST) -> None:
        is_scope = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        if is_scope:
            self.scope.append(node.name)  # type: ignore[attr-defined]
        self._look(node)
        for name, child in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for part in child if isinstance(child, list) else [child]:
                if isinstance(part, ast.AST):
                    self._walk(part)
        if is_scope:
            self.scope.pop()

    def _look(self, node: ast.AST) -> None:
        match node:
            case ast.If() | ast.IfExp():
                self._condition(node.test)
            case ast.comprehension():
                for test in node.ifs:
                    self._condition(test)
            case ast.BoolOp():
                self._parts(node)
            case ast.Compare():
                self._comparison(node)
            case ast.BinOp(op=ast.BitOr() | ast.BitAnd()):
                for kept, dropped in ((node.left, node.right), (node.right, node.left)):
                    self._keep(node, kept, dropped)
            case ast.UnaryOp(op=ast.Not() | ast.Invert()) if node not in self.conditions:
                self._keep(node, node.operand)
            case ast.Raise():
                self._drop(node)
            case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.AugAssign(op=ast.BitAnd()):
                self._drop(node)
            case ast.ExceptHandler():
                self._handler(node)
            case ast.Call(func=ast.Name(id="any" | "all" as word)):
                other = _QUANTIFIERS[word]
                self._note(node, f"{_text(node)}  ->  {other}", _named(other))

    def _condition(self, test: ast.expr) -> None:
        # Who notices that it always or never holds notices that it is turned round.
        self.conditions.add(test)
        for verdict in (True, False):
            self._note(test, f"{_text(test)}  ->  {verdict}", lambda _, v=verdict: ast.Constant(v))  # type: ignore[misc]

    def _parts(self, node: ast.BoolOp) -> None:
        for i, part in enumerate(node.values):

            def without(old: ast.AST, i: int = i) -> ast.AST:
                assert isinstance(old, ast.BoolOp)
                left = [*old.values[:i], *old.values[i + 1 :]]
                return left[0] if len(left) == 1 else ast.BoolOp(old.op, left)

            self._note(node, f"{_text(node)}  ->  without {_text(part)}", without)

    def _comparison(self, node: ast.Compare) -> None:
        for i, op in enumerate(node.ops):
            other = _EDGES.get(type(op)) or _OPPOSITES[type(op)]
            if other in _OPPOSITES and node in self.conditions:
                continue

            def turned(old: ast.AST, i: int = i, other: type[ast.cmpop] = other) -> ast.AST:
                assert isinstance(old, ast.Compare)
                return ast.Compare(old.left, [*old.ops[:i], other(), *old.ops[i + 1 :]], old.comparators)

            self._note(node, f"{_text(node)}  ->  {_text(turned(node))}", turned)
        if len(node.ops) == 2:
            first = ast.Compare(node.left, node.ops[:1], node.comparators[:1])
            second = ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
            for kept in (first, second):
                self._note(node, f"{_text(node)}  ->  {_text(kept)}", lambda _, k=kept: copy.deepcopy(k))  # type: ignore[misc]

    def _keep(self, node: ast.AST, kept: ast.expr, dropped: ast.expr | None = None) -> None:
        what = f"without {_text(dropped)}" if dropped is not None else _text(kept)
        self._note(node, f"{_text(node)}  ->  {what}", lambda _: copy.deepcopy(kept))

    def _drop(self, node: ast.stmt) -> None:
        self._note(node, f"{_text(node)}  ->  nothing", lambda _: ast.Pass())

    def _handler(self, node: ast.ExceptHandler) -> None:
        def passed_on(old: ast.AST) -> ast.AST:
            assert isinstance(old, ast.ExceptHandler)
            return ast.ExceptHandler(old.type, old.name, [ast.Raise()])

        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else []
        self._note(node, f"except {_text(node.type)}  ->  not caught", passed_on)
        for i, kind in enumerate(kinds):

            def narrower(old: ast.AST, i: int = i) -> ast.AST:
                assert isinstance(old, ast.ExceptHandler)
                assert isinstance(old.type, ast.Tuple)
                left = [*old.type.elts[:i], *old.type.elts[i + 1 :]]
                return ast.ExceptHandler(ast.Tuple(left, ast.Load()), old.name, old.body)

            self._note(node, f"except {_text(node.type)}  ->  without {_text(kind)}", narrower)


def _text(node: ast.AST | None) -> str:
    """Return code on one line, shortened."""
    text = " ".join(ast.unparse(node).split()) if node is not None else "all"
    return text if len(text) <= 100 else f"{text[:97]}..."


def _named(other: str) -> Callable[[ast.AST], ast.AST]:
    def renamed(old: ast.AST) -> ast.AST:
        assert isinstance(old, ast.Call)
        return ast.Call(ast.Name(other, ast.Load()), old.args, old.keywords)

    return renamed
