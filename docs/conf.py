"""How Sphinx builds these pages: ``make docs``. No page is fetched from anywhere."""

from __future__ import annotations

import ast
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

sys.path.insert(0, str(Path(__file__).parent))

import parts
import tables
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import peerproto
from peerproto import errors

project = "peerproto"
author = "peerproto contributors"
release = version = peerproto.__version__
extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
default_role = "py:obj"
highlight_language = "none"

html_theme = "furo"
html_title = f"peerproto {release}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["peerproto.css"]

add_module_names = False
maximum_signature_line_length = 90
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
autodoc_default_options = {"members": True, "ignore-module-all": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"

# A link in a page must lead somewhere. Code in backquotes need not be a link, and other projects' pages are not here.
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    ("py:class", r"(?!peerproto\.).*"),
    ("py:class", r"peerproto\..*\.[A-Z]"),  # a TypeVar
]

_ERRORS = "|".join(name for name in errors.__all__ if name != "Reason")
_ERROR = re.compile(rf"(?<![`\w.])(?<!:raises )({_ERRORS})(?![`\w.(]\w)")
_SECOND_FIELD = re.compile(r"(?<=\S) (?=:(?:param|ivar|cvar|raises|return)\b[^:]*:)")
_NAMED = re.compile(r"<(?:InterfaceClass|function) (?:\w+\.)*(\w+)>")
_FACTORY = "<factory>"  # the default of a dataclass's field that is made anew each time


class FromCode(SphinxDirective):
    """``.. from-code:: NAME [ARGUMENT]``: what the function of that name in ``parts.py`` makes of the code."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[Any]:
        """The nodes of the text."""
        name, *arguments = self.arguments
        text = parts.PARTS[name](*arguments)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def process_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A field list has one field a line, errors are links; a message and a record show their tables."""
    text = _SECOND_FIELD.sub("\n", "\n".join(lines))
    if what != "module":  # where errors are drawn as a tree
        text = _ERROR.sub(r":exc:`~peerproto.errors.\1`", text)
    lines[:] = [*text.splitlines(), *(tables.table_of(obj).splitlines() if what == "class" else ())]


def process_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Types by the names that people use."""
    if what == "class" and tables.is_table(obj):
        return f"({', '.join(tables.field_names(obj))})", None
    if signature:
        signature = _NAMED.sub(r"\1", signature).replace(_FACTORY, "...")
    return signature, _NAMED.sub(r"\1", returns) if returns else returns


def skip_member(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """A NamedTuple's fields stand in its table."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def complete(name: str) -> None:
    """Make the imports of a module that only type checkers see, so that types in signatures lead somewhere."""
    module = import_module(name)
    for node in ast.parse(module.__spec__.loader.get_source(name)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), name, "exec"), vars(module))
    for kind in vars(module).values():
        if (
            tables.is_record(kind) and kind.__module__ == name
        ):  # a NamedTuple does not know its module's names
            kind.__new__.__annotations__ = get_type_hints(kind)


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    for name in parts.modules_of("peerproto"):
        complete(name)
    app.add_directive("from-code", FromCode)
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-process-signature", process_signature)
    app.connect("autodoc-skip-member", skip_member)
    return {"parallel_read_safe": True}
