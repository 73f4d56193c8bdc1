"""The documentation of interfaces: Sphinx knows no zope.interface, and passes over them."""

from __future__ import annotations

import inspect
import textwrap
from importlib import import_module

from zope.interface.interface import InterfaceClass, Method

__all__ = ["interface_list", "interfaces_of"]


def interfaces_of(module: str) -> list[InterfaceClass]:
    """The interfaces that a module defines, in its order."""
    found = vars(import_module(module)).values()
    return [value for value in found if isinstance(value, InterfaceClass) and value.__module__ == module]


def interface_list(module: str) -> str:
    """The documentation of them, as autodoc would write it."""
    return "\n".join(map(_described, interfaces_of(module)))


def _described(interface: InterfaceClass) -> str:
    lines = ["", f".. py:class:: {interface.__name__}", "", _indented(interface.__doc__, 1)]
    for name, item in interface.namesAndDescriptions():
        head = (
            f"method:: {name}{item.getSignatureString()}"
            if isinstance(item, Method)
            else f"attribute:: {name}"
        )
        lines += ["", f"   .. py:{head}", "", _indented(item.__doc__, 2)]
    return "\n".join([*lines, ""])


def _indented(doc: str, depth: int) -> str:
    return textwrap.indent(inspect.cleandoc(doc), depth * "   ")
