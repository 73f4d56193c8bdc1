"""What is typed: `peerproto COMMAND ...`, or `python -m peerproto COMMAND ...` in its place.

Each command is a module of its name with `add_parser(subparsers)`, which describes its options, and
`run(options)`, which does the work and returns the exit code. Only the module of the command that is asked
for is imported, so that none waits for what only another needs.

Exit codes: 0 done; 1 the work failed, or some of it was refused; 2 a wrong option, or a file that cannot be
read or written; 130 interrupted; 141 nobody reads the output any more. `node` knows 0 and 1 only, as twistd
does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from peerproto import __version__
from peerproto.cli.options import Parser
from peerproto.errors import LocalError
from peerproto.networks import nearest

__all__ = ["COMMANDS", "main"]

COMMANDS = ("decode", "encode", "networks", "handshake", "sync", "node")
"""The commands, in the order in which they are shown."""

_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code.

    :param argv: what stands behind the program's name; None for the process's own.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    name = "peerproto"
    try:
        options = parse(arguments)
        name = f"peerproto {options.command}"
        code: int = _module(options.command).run(options)
        _flush()
    except SystemExit as stop:
        return _exit_code(stop)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _hush()
        return _BROKEN_PIPE
    except (LocalError, OSError) as error:
        return _complain(name, error)
    return code


def parse(arguments: Sequence[str]) -> Any:
    """The options of a command line, in an object. Raises SystemExit for a mistake, once it is told."""
    parser = Parser(
        prog="peerproto",
        description="The peer-to-peer layer of the Bitcoin-like networks, from the command line.",
        epilog="`peerproto COMMAND --help` explains the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"peerproto {__version__}")
    first = arguments[0] if arguments else "-"
    if first not in COMMANDS and not first.startswith("-"):
        parser.error(f"no command is named {first!r}{nearest(first, COMMANDS)}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in (first,) if first in COMMANDS else COMMANDS:
        _module(command).add_parser(subparsers)
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        parser.exit(2)
    return options


def _module(command: str) -> Any:
    return import_module(f"peerproto.cli.{command}")


def _exit_code(stop: SystemExit) -> int:
    """What the interpreter does with it: a text is told, and means 1."""
    if isinstance(stop.code, str):
        print(stop.code, file=sys.stderr)
        return 1
    return stop.code or 0


def _complain(name: str, error: LocalError | OSError) -> int:
    """One line for what stands in the way of the whole command."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    print(f"{name}: {text}", file=sys.stderr)
    try:
        _flush()
    except OSError:
        _hush()
    return 2


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _hush() -> None:
    """What is still buffered for standard output goes nowhere, so that the interpreter's end is quiet too."""
    with suppress(OSError, ValueError, AttributeError):  # it may be closed, or no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
