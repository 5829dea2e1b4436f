"""Print measures of the code of ``pen_mobile``: size of functions, types, docstrings, holder classes, cycles.

    python tools/code_quality.py                        # this checkout
    python tools/code_quality.py --against bec91de      # beside it, another revision
    python tools/code_quality.py --room phone --list holders

The numbers come from the syntax tree alone; nothing is imported.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import statistics
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PACKAGE = "pen_mobile"
LONG_FILE = 250

Function = ast.FunctionDef | ast.AsyncFunctionDef
HOLDER_BASES = {"NamedTuple", "BaseModel", "TypedDict"}


@dataclass
class Module:
    """One source file.

    Attributes:
        name: dotted name.
        lines: number of lines.
        tree: its syntax tree.
    """

    name: str
    lines: int
    tree: ast.Module


@dataclass
class Measures:
    """What was counted; lists hold ``file:line name`` of what a person may want to look at."""

    files: int = 0
    lines: int = 0
    function_lines: list[tuple[int, str]] = field(default_factory=list)
    lines_with_docstring: list[tuple[int, str]] = field(default_factory=list)
    annotated: int = 0
    not_annotated: list[str] = field(default_factory=list)
    documented: int = 0
    not_documented: list[str] = field(default_factory=list)
    with_args: int = 0
    without_args: list[str] = field(default_factory=list)
    classes: int = 0
    holders: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    facades: list[str] = field(default_factory=list)
    cycles: list[str] = field(default_factory=list)
    long_files: list[str] = field(default_factory=list)


def measure(modules: list[Module], facade_room: str = f"{PACKAGE}.phone") -> Measures:
    """Count everything in a list of modules.

    Args:
        modules: the files.
        facade_room: package whose classes are checked for members that only forward.
    """
    found = Measures(files=len(modules), lines=sum(module.lines for module in modules))
    hierarchy = Hierarchy(modules)
    for module in modules:
        if module.lines > LONG_FILE:
            found.long_files.append(f"{module.name} {module.lines}")
        if not any(part.startswith("_") for part in module.name.split(".")):
            _count_docstring(found, module.tree, module.name)
        _count_body(found, module, module.tree, public=True, hierarchy=hierarchy, inside=[])
        if module.name.startswith(facade_room):
            found.facades += [f"{module.name} {node.name}" for node in _classes(module.tree) if _is_facade(node)]
    found.cycles = import_cycles(modules)
    return found


class Hierarchy:
    """The classes of a package by name, and what they inherit from each other."""

    def __init__(self, modules: list[Module]) -> None:
        self._classes = {node.name: node for module in modules for node in _classes(module.tree)}
        validating = (module for module in modules if _makes_pydantic_dataclasses(module.tree))
        self._pydantic = {id(node) for module in validating for node in _classes(module.tree)}

    def is_holder(self, node: ast.ClassDef) -> bool:
        """Return whether a class holds fields, and neither has nor inherits a method of this package.

        Args:
            node: the class.
        """
        family = [node, *self._ancestors(node)]
        bases = {_name(base) for one in family for base in one.bases}
        methods = any(isinstance(child, Function) for one in family for child in one.body)
        return bool(bases & HOLDER_BASES or any(map(_is_dataclass, family))) and not methods

    def is_record(self, node: ast.ClassDef) -> bool:
        """Return whether pydantic validates the fields of a class: a record of a file, a recipe or settings.

        Args:
            node: the class.
        """
        family = [node, *self._ancestors(node)]
        models = any(_name(base) == "BaseModel" for one in family for base in one.bases)
        return models or any(_is_dataclass(one) and id(one) in self._pydantic for one in family)

    def _ancestors(self, node: ast.ClassDef) -> Iterator[ast.ClassDef]:
        for name in map(_name, node.bases):
            if name in self._classes and name != node.name:
                yield self._classes[name]
                yield from self._ancestors(self._classes[name])


def _count_body(
    found: Measures,
    module: Module,
    node: ast.AST,
    public: bool,
    hierarchy: Hierarchy,
    inside: list[str],
) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            visible = public and not child.name.startswith("_")
            _count_class(found, module, child, visible, hierarchy, inside)
            _count_body(found, module, child, visible, hierarchy, [*inside, child.name])
        elif isinstance(child, Function):
            visible = public and not child.name.startswith("_")
            _count_function(found, module, child, visible, inside)
            _count_body(found, module, child, False, hierarchy, [*inside, child.name])
        else:
            _count_body(found, module, child, public, hierarchy, inside)


def _count_class(
    found: Measures, module: Module, node: ast.ClassDef, public: bool, hierarchy: Hierarchy, inside: list[str]
) -> None:
    where = f"{module.name}:{node.lineno} {'.'.join([*inside, node.name])}"
    found.classes += 1
    if public:
        _count_docstring(found, node, where)
    if hierarchy.is_holder(node):
        (found.records if hierarchy.is_record(node) else found.holders).append(where)


def _count_function(found: Measures, module: Module, node: Function, public: bool, inside: list[str]) -> None:
    where = f"{module.name}:{node.lineno} {'.'.join([*inside, node.name])}"
    found.function_lines.append((_lines(node) - _docstring_lines(node), where))
    found.lines_with_docstring.append((_lines(node), where))
    if _is_annotated(node):
        found.annotated += 1
    else:
        found.not_annotated.append(where)
    if public:
        _count_docstring(found, node, where)
        if _arguments(node) and "Args:" in (ast.get_docstring(node) or ""):
            found.with_args += 1
        elif _arguments(node):
            found.without_args.append(where)


def _count_docstring(found: Measures, node: ast.Module | ast.ClassDef | Function, where: str) -> None:
    if ast.get_docstring(node):
        found.documented += 1
    else:
        found.not_documented.append(where)


def _lines(node: Function) -> int:
    """Return the lines of a function from ``def`` to its end."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _docstring_lines(node: Function) -> int:
    first = node.body[0]
    return 0 if ast.get_docstring(node) is None else (first.end_lineno or first.lineno) - first.lineno + 1


def _arguments(node: Function) -> list[ast.arg]:
    spec = node.args
    plain = [*spec.posonlyargs, *spec.args]
    if plain and plain[0].arg in {"self", "cls"}:
        plain = plain[1:]
    return [*plain, *spec.kwonlyargs, *(argument for argument in (spec.vararg, spec.kwarg) if argument)]


def _is_annotated(node: Function) -> bool:
    returns = node.returns is not None or node.name == "__init__"
    return returns and all(argument.annotation is not None for argument in _arguments(node))


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return _name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def _is_dataclass(node: ast.ClassDef) -> bool:
    return "dataclass" in map(_name, node.decorator_list)


def _makes_pydantic_dataclasses(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.module == "pydantic.dataclasses" for node in ast.walk(tree))


def _is_facade(node: ast.ClassDef) -> bool:
    """Return whether most public methods of a class only pass a call on to something that the class holds."""
    methods = [child for child in node.body if isinstance(child, Function) and not child.name.startswith("_")]
    return len(methods) >= 3 and 2 * sum(map(_only_forwards, methods)) >= len(methods)


def _only_forwards(node: Function) -> bool:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    while len(body) == 1 and isinstance(body[0], ast.With):
        body = body[0].body
    if len(body) != 1 or not isinstance(body[0], (ast.Return, ast.Expr)) or body[0].value is None:
        return False
    value = body[0].value
    target = ast.unparse(value.func if isinstance(value, ast.Call) else value)
    return target.startswith("self.") and target.count(".") == 2


def import_cycles(modules: list[Module]) -> list[str]:
    """Return the groups of modules that import each other, imports inside functions included.

    Imports under ``if TYPE_CHECKING`` are for the type checker and do not count.
    """
    names = {module.name for module in modules}
    imports = {module.name: set(_imports(module, names)) for module in modules}
    groups = strongly_connected(imports)
    return [" <-> ".join(sorted(group)) for group in groups if len(group) > 1]


def _imports(module: Module, names: set[str]) -> Iterator[str]:
    for node in _run_time_nodes(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from [inner] if inner in names else [node.module] if node.module in names else []


def _run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and _name(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _run_time_nodes(child)


def strongly_connected(edges: dict[str, set[str]]) -> list[set[str]]:
    """Return the strongly connected components of a graph: nodes that reach each other.

    Args:
        edges: every node with the nodes that it points to.
    """
    reach = {node: _reachable(node, edges) for node in edges}
    groups, seen = [], set()
    for node in edges:
        if node not in seen:
            group = {node} | {other for other in reach[node] if node in reach.get(other, set())}
            seen |= group
            groups.append(group)
    return groups


def _reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += edges.get(node, set())
    return found


def modules_of(revision: str | None, room: str = "") -> list[Module]:
    """Read the package's files, of the checkout or of a git revision.

    Args:
        revision: a commit, tag or branch; None is the files as they are on disk.
        room: keep only modules below this package, such as ``phone.store``.
    """
    files = _files_on_disk() if revision is None else _files_in_git(revision)
    prefix = f"{PACKAGE}.{room}" if room else PACKAGE
    return [
        Module(name, text.count("\n"), ast.parse(text))
        for name, text in files
        if name == prefix or name.startswith(f"{prefix}.")
    ]


def _files_on_disk() -> Iterator[tuple[str, str]]:
    for path in sorted((REPOSITORY / PACKAGE).rglob("*.py")):
        yield _module_name(str(path.relative_to(REPOSITORY))), path.read_text(encoding="utf-8")


def _files_in_git(revision: str) -> Iterator[tuple[str, str]]:
    archive = subprocess.run(
        ["git", "archive", revision, PACKAGE], cwd=REPOSITORY, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files.getmembers():
            content = files.extractfile(member) if member.name.endswith(".py") else None
            if content is not None:
                yield _module_name(member.name), content.read().decode("utf-8")


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _share(part: int, rest: list[str]) -> str:
    whole = part + len(rest)
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _quantile(lines: list[tuple[int, str]], share: float) -> str:
    values = sorted(count for count, _ in lines)
    if not values:
        return "-"
    return f"{statistics.median(values):g}" if share == 0.5 else f"{values[int(share * (len(values) - 1))]}"


ROWS: dict[str, Callable[[Measures], str]] = {
    "files": lambda m: str(m.files),
    "lines": lambda m: f"{m.lines:,}",
    "functions": lambda m: str(len(m.function_lines)),
    "lines of code of a function, median": lambda m: _quantile(m.function_lines, 0.5),
    "lines of code of a function, 90 % at most": lambda m: _quantile(m.function_lines, 0.9),
    "the same with the docstring, median": lambda m: _quantile(m.lines_with_docstring, 0.5),
    "the same with the docstring, 90 % at most": lambda m: _quantile(m.lines_with_docstring, 0.9),
    "functions fully annotated": lambda m: _share(m.annotated, m.not_annotated),
    "public docstrings": lambda m: _share(m.documented, m.not_documented),
    "Args in public functions with arguments": lambda m: _share(m.with_args, m.without_args),
    "classes": lambda m: str(m.classes),
    "validated records and settings (pydantic)": lambda m: str(len(m.records)),
    "holder classes without behaviour besides these": lambda m: str(len(m.holders)),
    "facades over the store": lambda m: str(len(m.facades)),
    "import cycles": lambda m: str(len(m.cycles)),
    f"files over {LONG_FILE} lines": lambda m: str(len(m.long_files)),
}

LISTS: dict[str, Callable[[Measures], list[str]]] = {
    "functions": lambda m: [f"{count:4d} {where}" for count, where in sorted(m.function_lines, reverse=True)[:40]],
    "annotated": lambda m: m.not_annotated,
    "docstrings": lambda m: m.not_documented,
    "args": lambda m: m.without_args,
    "records": lambda m: m.records,
    "holders": lambda m: m.holders,
    "facades": lambda m: m.facades,
    "cycles": lambda m: m.cycles,
    "files": lambda m: sorted(m.long_files),
}


def print_table(columns: dict[str, Measures]) -> None:
    """Print one column of numbers for each revision.

    Args:
        columns: measures by the name of the revision.
    """
    width = max(map(len, ROWS))
    print(" " * width, *(f"{name:>12}" for name in columns))
    for row, value in ROWS.items():
        print(f"{row:<{width}}", *(f"{value(measures):>12}" for measures in columns.values()))


def main() -> None:
    """Read the options and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="REVISION", help="a git revision to show beside this checkout")
    parser.add_argument("--room", default="", help="only this package below pen_mobile, such as phone.store")
    parser.add_argument("--list", dest="listed", choices=sorted(LISTS), help="list what one number counts")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    columns = {options.against: measure(modules_of(options.against, options.room))} if options.against else {}
    columns["this"] = measure(modules_of(None, options.room))
    if options.json:
        print(json.dumps({name: {row: value(m) for row, value in ROWS.items()} for name, m in columns.items()}))
        return
    print_table(columns)
    if options.listed:
        print(*LISTS[options.listed](columns["this"]), sep="\n")


if __name__ == "__main__":
    main()
