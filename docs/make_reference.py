"""Writes docs/reference.md from the docstrings, and lists the public names with their signatures.

    python docs/make_reference.py            writes docs/reference.md
    python docs/make_reference.py --names    prints the names, as tests/public_names.txt holds them

`PUBLIC` is the list of what a plugin may use. Sources are read, not imported, so that what stands on the page is what
stands in the code: defaults and annotations as their author wrote them.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("reference.md")

HOOKS = tuple(
    f"condbench_{name}"
    for name in (
        *(f"register_{kind}" for kind in ("backbones", "conditioners", "encoders", "datasets")),
        *(f"register_{kind}" for kind in ("metrics", "executors", "reporters")),
        *("run_started", "cell_started", "cell_finished", "run_finished"),
    )
)

PUBLIC: dict[str, tuple[str, tuple[str, ...]]] = {
    "condbench.hookspecs": ("What a plugin may provide", HOOKS),
    "condbench.specs": (
        "What hooks yield",
        (
            *("BackboneSpec", "ConditionerSpec", "EncoderSpec", "DatasetSpec", "MetricSpec", "ExecutorSpec"),
            *("ReporterSpec", "Task", "Domain", "Kind", "Better"),
        ),
    ),
    "condbench.model": ("What a backbone builds", ("Model", "ScoreModel", "Guide")),
    "condbench.conditioning": (
        "What a backbone and a conditioner share",
        (
            *("Condition", "Context", "ConditionEncoder", "Site", "Role", "EVERY_LAYER", "Prefix", "sites", "prefixes"),
            "adapters",
            *("Conditioned", "Wrap", "Build", "Adapter", "DenseConditioner", "Conditioner", "MakeEncoder"),
        ),
    ),
    "condbench.data": ("What a dataset is", ("Dataset", "Split")),
    "condbench.evaluation": (
        "What a metric sees and returns",
        ("Evaluation", "Measurement", "Unavailable", "class_part", "Measure"),
    ),
    "condbench.statistics": ("Uncertainty, for metrics", ("wilson",)),
    "condbench.store": ("What a reporter sees", ("Run",)),
    "condbench.results": (
        "The records of a run",
        (
            *(
                "RunInfo",
                "PlannedCell",
                "CellResult",
                "MetricRow",
                "Table",
                "Guided",
                "Checkpoint",
                "Redraw",
                "Cell",
                "Choice",
            ),
            *("Settings", "Provenance", "Distribution", "PluginState", "Machine", "Size", "State", "Precision"),
            *("Track", "Record"),
        ),
    ),
    "condbench.budget": ("What training gets", ("Budget",)),
    "condbench.executors": ("How cells are run", ("Executor", "Observer")),
    "condbench.events": ("What observers are told", ("RunStarted", "CellStarted", "CellFinished", "RunFinished")),
    "condbench.errors": ("How errors are told", ("UserError",)),
    "condbench.cache": ("Where files are kept", ("cache_folder", "offline")),
    "condbench.testing": ("How plugins are tested", ("conformance",)),
}
"""The public modules: what each is for, and its public names, in the order of the page."""

_HEAD = """\
# Reference

Every hook and contract of `condbench.v1`, from the docstrings: `python docs/make_reference.py` writes this page.
[plugins.md](plugins.md) explains how they belong together, [tutorial.md](tutorial.md) uses them, and
[compatibility.md](compatibility.md) says what of them will stay. Names are imported from the module under whose heading
they stand; a plugin marks its hooks with `condbench.hookimpl`.
"""


@dataclass(frozen=True)
class Documented:
    """A public name, with its signature as in the code, its docstring, and, of a class, its members."""

    name: str
    signature: str
    docstring: str
    members: tuple[Documented, ...] = ()


def page() -> str:
    """The text of docs/reference.md."""
    parts = [_HEAD]
    for module, (purpose, names) in PUBLIC.items():
        explained = ast.get_docstring(ast.parse(_source(module).read_text(encoding="utf-8"))) or ""
        parts += [f"## {purpose}: `{module}`\n", f"{_markdown(explained)}\n"]
        for name in names:
            parts += _written(documented(module, name))
    return "\n".join(parts)


def names() -> list[str]:
    """A line for each public name and member, with its signature."""
    lines = []
    for module, (_, public) in PUBLIC.items():
        for name in public:
            found = documented(module, name)
            lines.append(f"{module}: {found.signature}")
            lines += [f"{module}: {name}.{member.signature}" for member in found.members]
    return lines


def documented(module: str, name: str) -> Documented:
    """A name that a module defines, or imports from another of condbench's."""
    source = _source(module).read_text(encoding="utf-8")
    body = ast.parse(source).body
    for found in _members(body, source):
        if found.name == name:
            return found
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module and name in (alias.name for alias in node.names):
            return documented(node.module, name)
    raise LookupError(f"{module} has no {name}: mend PUBLIC in {Path(__file__).name}.")


def _source(module: str) -> Path:
    path = ROOT / "harness" / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _members(body: list[ast.stmt], source: str) -> Iterator[Documented]:
    """What a module or a class defines, private names left out; ``source`` is the module's."""
    for node, after in zip(body, [*body[1:], None], strict=True):
        found: Documented | None = None
        match node:
            case ast.ClassDef():
                found = _class(node, source)
            case ast.FunctionDef():
                found = Documented(node.name, _function(node), inspect.cleandoc(ast.get_docstring(node) or ""))
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                written = ast.get_source_segment(source, node) or ""
                found = Documented(name, " ".join(written.split()), _attribute_docstring(after))
        if found is not None and (not found.name.startswith("_") or found.name in ("__len__", "__getitem__")):
            yield found


def _class(node: ast.ClassDef, source: str) -> Documented:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    signature = f"class {node.name}({bases})" if bases else f"class {node.name}"
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            arguments = ast.unparse(method.args).removeprefix("self").removeprefix(", ")
            signature += f", made by {node.name}({arguments})"
    members = tuple(
        member for member in (*_attributes(node), *_members(node.body, source)) if member.name != "model_config"
    )
    return Documented(node.name, signature, inspect.cleandoc(ast.get_docstring(node) or ""), members)


def _attributes(node: ast.ClassDef) -> Iterator[Documented]:
    """What ``__init__`` gives an instance."""
    init = next((m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__"), None)
    for target in ast.walk(init) if init else ():
        if isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store) and not target.attr.startswith("_"):
            yield Documented(target.attr, f"{target.attr}, an attribute", "")


def _function(node: ast.FunctionDef) -> str:
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if any(decorator.endswith("property") for decorator in decorators):
        return f"{node.name}: {returns.removeprefix(' -> ')}, a property"
    kind = "classmethod " if "classmethod" in decorators else "abstract " if "abstractmethod" in decorators else ""
    return f"{kind}{node.name}({ast.unparse(node.args)}){returns}"


def _attribute_docstring(after: ast.stmt | None) -> str:
    match after:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return inspect.cleandoc(text)
    return ""


def _written(found: Documented) -> Iterator[str]:
    yield f"### {found.name}\n\n```python\n{found.signature}\n```\n"
    if found.docstring:
        yield f"{_markdown(found.docstring)}\n"
    for member in found.members:
        docstring = _markdown(member.docstring).replace("\n", "\n  ")
        yield f"- `{member.signature}`" + (f"  \n  {docstring}" if docstring else "")
    if found.members:
        yield ""


def _markdown(docstring: str) -> str:
    """A docstring as Markdown: literal blocks and tables fenced, lists of arguments and errors as lists."""
    parts: list[str] = []
    for part in re.sub(r"``(.+?)``", r"`\1`", docstring).split("\n\n"):
        part = re.sub(r"^::$|:(:)$", r"\1", part)  # what announces a literal block
        if parts and _LIST.match(parts[-1]) and part.startswith(" "):
            parts[-1] += f"\n\n{part}"  # what belongs to an argument above
        elif part:
            parts.append(part)
    return "\n\n".join(map(_paragraph, parts))


_LIST = re.compile(r"(Args|Raises|Returns):\n")


def _paragraph(text: str) -> str:
    if text.startswith(("===", "    ")):
        return f"```text\n{inspect.cleandoc(text)}\n```"
    if _LIST.match(text):
        title, _, entries = text.partition("\n")
        lines = inspect.cleandoc(entries).split("\n")
        text = "\n".join([f"{title}\n", *(re.sub(r"^(\w+): ", r"- `\1`: ", line) for line in lines)])
    # (B, *shape) is no emphasis; what is code stays as it is.
    return re.sub(r"(`[^`]*`)|(?<=, )\*", lambda found: found[1] or r"\*", text)


if __name__ == "__main__":
    if "--names" in sys.argv[1:]:
        print("\n".join(names()))
    else:
        PAGE.write_text(page(), encoding="utf-8")
