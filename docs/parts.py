"""The parts of the pages that are made from the code, so that they cannot say anything else than the code does.

Each function of `PARTS` returns reStructuredText; ``.. from-code:: NAME [ARGUMENT]`` puts it into a page. Sphinx
is not needed here, so that the tests can look at all of it.
"""

from __future__ import annotations

import inspect
import os
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any, get_args, get_type_hints
from unittest.mock import patch

import peerproto
from peerproto import errors, networks
from peerproto.cli import COMMANDS
from peerproto.cli.networks import describe
from peerproto.cli.options import Parser
from peerproto.errors import MalformedMessage, Reason
from peerproto.network import Network, Timing
from peerproto.networks import bitcoin
from peerproto.peer.listener import IPeerListener
from peerproto.tap import Options
from peerproto.wire import fields as field_kinds
from peerproto.wire.kinds import Custom, Fixed, Kind, ListOf, VarBytes, VarText
from peerproto.wire.message import Message
from peerproto.wire.optional import If, Since, Tail
from peerproto.wire.tables import FixedRecord, kind_of, kinds_of

REASONS = {
    Reason.WRONG_NETWORK: "A frame began with another network's magic.",
    Reason.OVERSIZE: "A header announced a longer payload than any message, or than this command, may have. "
    "What speaks another protocol (HTTP, TLS, SSH) ends here too: its text reads as a length.",
    Reason.BAD_CHECKSUM: "A payload did not have the checksum that its header announced.",
    Reason.MALFORMED: "A payload is not what its command says: a count over its cap, a number not in its shortest "
    "form, bytes missing or left over, a command that the spoken protocol version does not have.",
    Reason.UNKNOWN_COMMAND: "A command of no message of this network. No policy that is here ends a peer for it.",
    Reason.INCOMPLETE: "The bytes end inside a frame. Only decoding ends so; a live peer waits for the rest.",
    Reason.EOF_IN_MESSAGE: "The other side closed in the middle of a frame.",
    Reason.HANDSHAKE_TIMEOUT: "The handshake, both veracks included, was not done in its time.",
    Reason.UNEXPECTED_MESSAGE: "A message that may not come in this state: before the version, between version and "
    "verack, or one of the handshake's after it.",
    Reason.DUPLICATE_VERSION: "A second version.",
    Reason.DUPLICATE_VERACK: "A second verack.",
    Reason.SELF: "Our own nonce came back: we have called ourselves.",
    Reason.OBSOLETE: "The other side's protocol version is below the least that the network's policy accepts.",
    Reason.IDLE: "No complete message came for too long.",
    Reason.STALLED: "What was asked was not answered in time. It ends a request; the peer too, if the policy insists.",
    Reason.NOT_FOUND: "The peer said that it does not have what was asked. It ends a request, never a peer.",
    Reason.MISBEHAVING: "Well formed, but against the rules: headers that break those of the chain, or (policy core) "
    "a locator that is too long.",
    Reason.CONNECTION_REFUSED: "Nothing listens at that address.",
    Reason.CONNECT_TIMEOUT: "No connection came about in its time.",
    Reason.NO_ROUTE: "The system knows no way there, or gave another reason, which the text repeats.",
    Reason.DNS: "There is no host of that name.",
    Reason.TLS: "The TLS handshake or its certificates failed (endpoints with `tls:`).",
    Reason.CLOSED_BY_PEER: "The other side closed the connection, between two messages.",
    Reason.RESET: "The connection broke: reset, or lost on the way.",
    Reason.LOCAL_ERROR: "A method of our own listener raised; the log has the traceback.",
    Reason.LOCAL_CLOSE: "We called `disconnect`.",
    Reason.SHUTDOWN: "Our node stops.",
}
"""What each reason means, in a sentence."""

_NEVER_CONNECTED = {
    Reason.CONNECTION_REFUSED,
    Reason.CONNECT_TIMEOUT,
    Reason.NO_ROUTE,
    Reason.DNS,
    Reason.TLS,
}
_LOST = {
    Reason.EOF_IN_MESSAGE,
    Reason.CLOSED_BY_PEER,
    Reason.RESET,
    Reason.TLS,
    Reason.LOCAL_CLOSE,
    Reason.SHUTDOWN,
}

Rows = Iterable[Sequence[str]]


def table(head: Sequence[str], rows: Rows, widths: str = "auto") -> str:
    """A list-table; a cell may have several lines."""
    lines = [".. list-table::", "   :header-rows: 1", "   :align: left", f"   :widths: {widths}", ""]
    for row in [head, *rows]:
        for index, cell in enumerate(row):
            first, *others = (cell or "\\ ").splitlines()
            lines.append(f"   {'*' if index == 0 else ' '} - {first}")
            lines += [f"       {line}" for line in others]
    return "\n".join([*lines, ""])


def code(text: str) -> str:
    """Text as code."""
    return f"``{text}``"


def codes(texts: Iterable[str]) -> str:
    """Some words as code, or a dash."""
    return ", ".join(map(code, texts)) or "none"


def shortened(text: str | None) -> str:
    """The first sentences of a docstring on one line."""
    return " ".join((text or "").split())


# Networks


def network_table() -> str:
    """Every network with its numbers, as `peerproto networks` lists them."""
    rows = []
    for row in map(describe, map(networks.named, networks.names())):
        versions = f"{row['least_protocol_version']} to {row['protocol_version']}"
        genesis = f"{row['genesis'][:16]}…"
        rows.append([code(row["name"]), code(row["magic"]), str(row["port"]), versions, code(genesis)])
    return table(["name", "magic", "port", "versions", "genesis (begins)"], rows)


def policy_table() -> str:
    """What the two policies of bitcoin do differently, side by side."""
    both = [networks.named("bitcoin-regtest", policy) for policy in ("btcd", "core")]
    rows = [[what, *map(told, both)] for what, told in _DIFFERENCES.items()]
    late = {kind for network in both for kind in network.order.late}
    for kind in sorted(late, key=lambda kind: str(kind.command)):
        rows.append(
            [f"{code(kind.command)} after the handshake", *(_late(network, kind) for network in both)]
        )
    return table(["", '``policy="btcd"``', '``policy="core"``'], rows)


def _late(network: Network, kind: type[Message]) -> str:
    if kind not in network.order.late:
        return "noted"
    error = network.order.late[kind]
    return "passed over" if error is None else f"ends the peer: {code(error.reason)}"


def _passed_over(network: Network) -> str:
    names = sorted(_error_text(kind) for kind in network.policy.tolerates)
    return ", ".join(names)


def _error_text(kind: type[MalformedMessage]) -> str:
    return code(kind.reason) + (" (of one command)" if kind is errors.OversizeCommand else "")


def _between(network: Network) -> str:
    return codes(sorted(kind.command for kind in network.order.between))


def _early(network: Network) -> str:
    return (
        "passed over" if network.order.ignores_early else f"ends the peer: {code(Reason.UNEXPECTED_MESSAGE)}"
    )


def _insists(network: Network) -> str:
    found = sorted(kind.command for kind, owed in network.expects.items() if owed.ends_peer)
    return f"yes: {codes(found)}" if found else "no; the request fails alone"


def _rejects(network: Network) -> str:
    return "no" if network.reject(MalformedMessage("")) is None else "yes, by a ``reject``"


_ADDRESS_KINDS = {1: "IPv4", 2: "IPv6", 3: "TorV2", 4: "TorV3", 5: "I2P", 6: "CJDNS"}

_DIFFERENCES: dict[str, Callable[[Network], str]] = {
    "frames that are passed over; all other bad ones end the peer": _passed_over,
    "bytes behind a message's last field": lambda network: (
        "accepted" if network.policy.trailing else f"refused: {code(Reason.MALFORMED)}"
    ),
    "address kinds of ``addrv2`` that are kept": lambda network: ", ".join(
        _ADDRESS_KINDS[item] for item in sorted(network.policy.address_ids)
    ),
    "least protocol version": lambda network: str(network.least_protocol_version),
    "taken between version and verack": _between,
    "any other known message before the handshake is done": _early,
    "an unanswered request ends the peer": _insists,
    "a peer that is ended is told why": _rejects,
    "judged beyond their form": lambda network: codes(kind.command for kind in network.order.judged),
}


def owed_table() -> str:
    """What is an answer to what, and how long it may take."""
    network = networks.named("bitcoin-regtest")
    rows = []
    for kind, owed in network.expects.items():
        answers = codes(answer.command for answer in owed.answers)
        each = "each vector" if owed.each else "the message"
        rows.append(
            [code(kind.command), answers, each, f"{owed.seconds:g}", "yes" if owed.ends_peer else "no"]
        )
    return table(["request", "answers", "owed for", "seconds", "ends the peer (btcd)"], rows)


def timing_table() -> str:
    """The times of a peer."""
    docs = dict(_ivars(inspect.getdoc(Timing) or ""))
    times = [item for item in fields(Timing) if type(item.default) is float]
    rows = [[code(item.name), f"{item.default:g}", docs.get(item.name, "")] for item in times]
    return table(["``Timing``", "seconds", ""], rows)


def form_table(name: str) -> str:
    """The fields of a form that a network fills in."""
    kind = getattr(import_module("peerproto.network"), name)
    docs = dict(_ivars(inspect.getdoc(kind) or ""))
    rows = [[code(item.name), code(str(item.type)), docs.get(item.name, "")] for item in fields(kind)]
    return table([code(name), "type", ""], rows, "22 33 45")


def _ivars(doc: str) -> Iterable[tuple[str, str]]:
    for part in doc.split(":ivar ")[1:]:
        name, _, text = part.partition(":")
        yield name, shortened(text)


# Messages and records as tables


def is_table(kind: Any) -> bool:
    """Whether a class is a message or a record of the wire."""
    if not isinstance(kind, type) or not kind.__module__.startswith("peerproto.networks."):
        return False
    if issubclass(kind, Message):
        return True
    try:
        return hasattr(kind, "_fields") and bool(kinds_of(kind))
    except TypeError:
        return False  # a NamedTuple that has no place on the wire


def field_names(kind: Any) -> list[str]:
    """The fields of a message or record."""
    return list(kinds_of(kind))


def table_of(kind: Any) -> str:
    """What a message's or record's docstring does not say: its limits and its fields."""
    if not is_table(kind):
        return ""
    parts = ["", _limits(kind) if issubclass(kind, Message) else "", ""]
    if field_names(kind):
        hints = get_type_hints(kind)
        rows = [[code(name), linked(hints[name]), form(wired)] for name, wired in kinds_of(kind).items()]
        parts.append(table(["field", "in Python", "on the wire"], rows))
    return "\n".join([*parts, ""])


def _limits(kind: type[Message]) -> str:
    words = [f"Command {code(kind.command)}"]
    if kind.since:
        words.append(f"from protocol version {kind.since} on")
    highest = networks.named("bitcoin-mainnet").protocol_version
    words.append(f"at most {kind.limit(highest):,} bytes of payload" if field_names(kind) else "no payload")
    if callable(kind.most):
        words.append("fewer at older versions")
    if kind.lazy:
        words.append("read on first use")
    if kind.foreign:
        words.append("not known to the network's reference")
    return f"{'; '.join(words)}."


def linked(hint: Any) -> str:
    """A type as code; the records and messages in it are links."""
    text = hint.__name__ if type(hint) is type else str(hint)
    text = re.sub(r"\b(?:\w+\.)+(?=\w)", "", text)
    for kind in [hint, *get_args(hint)]:
        if is_table(kind) or is_record(kind):
            before, after = text.split(kind.__name__)
            link = f":class:`~{place_of(kind)}`"
            return "\\ ".join(filter(None, [before and code(before), link, after and code(after)]))
    return code(text)


def place_of(kind: type) -> str:
    """Where a class stands in the reference."""
    public = getattr(bitcoin, kind.__name__, None) is kind and kind.__name__ in bitcoin.__all__
    return f"{bitcoin.__name__ if public else kind.__module__}.{kind.__name__}"


_NAMES = [
    (kind_of(getattr(field_kinds, name)), name)
    for name in field_kinds.__all__
    if hasattr(getattr(field_kinds, name), "__metadata__")
]


def form(kind: Kind) -> str:
    """A kind of field in words."""
    if isinstance(kind, FixedRecord):
        without = f" without {codes(kind.without)}" if kind.without else ""
        return f"{linked(kind.record)}{without}"
    for known, name in _NAMES:
        if known == kind:
            return code(name)
    nearest = next(known for known in type(kind).__mro__ if known in _FORMS)
    return _FORMS[nearest](kind)


def _list_form(kind: ListOf) -> str:
    item = "" if isinstance(kind.item, Custom) else f": {form(kind.item)}"
    return f"list of at most {kind.most:,}{item}"


def _since_form(kind: Since) -> str:
    below = f"; below it {form(kind.below)}" if kind.below else ""
    return f"{form(kind.kind)}, from protocol version {kind.pver} on{below}"


def _tail_form(kind: Tail) -> str:
    since = f"; written from protocol version {kind.since} on" if kind.since else ""
    return f"{form(kind.kind)}, may be missing at the end{since}"


_FORMS: dict[type[Kind], Callable[[Any], str]] = {
    Fixed: lambda kind: f"{kind.format.removesuffix('s')} bytes",
    VarBytes: lambda kind: f"at most {kind.most:,} bytes",
    VarText: lambda kind: f"text of at most {kind.most:,} bytes",
    ListOf: _list_form,
    Since: _since_form,
    Tail: _tail_form,
    If: lambda kind: f"{form(kind.kind)}, if {code(kind.condition.replace('self.', ''))}",
    Kind: lambda kind: "a form of its own",
}


def message_list() -> str:
    """The documentation of every message, in the network's order."""
    kinds = networks.named("bitcoin-mainnet").messages
    return "\n\n".join(f".. autoclass:: peerproto.networks.bitcoin.{kind.__name__}" for kind in kinds)


def record_list() -> str:
    """The documentation of every record of the messages."""
    found = [name for name in bitcoin.__all__ if is_record(getattr(bitcoin, name))]
    return "\n\n".join(f".. autoclass:: peerproto.networks.bitcoin.{name}" for name in found)


def is_record(thing: Any) -> bool:
    """Whether it is a NamedTuple."""
    return isinstance(thing, type) and issubclass(thing, tuple)


# Reasons and errors


def reason_table() -> str:
    """The closed list of reasons."""
    rows = [[code(reason), _classes(reason), sentence] for reason, sentence in REASONS.items()]
    return table(["reason", "errors that carry it", "meaning"], rows, "22 26 52")


def _classes(reason: Reason) -> str:
    own = [kind for kind in _error_classes() if getattr(kind, "reason", None) is reason]
    told = [errors.PeerLost] if reason in _LOST else []
    told += [errors.ConnectFailed] if reason in _NEVER_CONNECTED else []
    return ",\n".join(f":exc:`~peerproto.errors.{kind.__name__}`" for kind in [*own, *told])


def _error_classes() -> list[type[Exception]]:
    return [getattr(errors, name) for name in errors.__all__ if name != "Reason"]


# Options


def option_table() -> str:
    """The options of `twistd peernode`."""
    options = Options()
    shorts = {long: f"-{short}, " for short, long in options.synonyms.items() if len(short) == 1}
    names = sorted(name.rstrip("=") for name in options.longOpt)
    rows = [[code(f"{shorts.get(name, '')}--{name}"), *_option(options, name)] for name in names]
    return table(["option", "default", "meaning"], rows, "25 20 55")


def _option(options: Options, name: str) -> tuple[str, str]:
    """The default and the meaning of an option."""
    method = getattr(options, f"opt_{name.replace('-', '_')}", None)
    doc = shortened(options.docs.get(name) or inspect.getdoc(method))
    default = options.defaults.get(name) or ""
    told = re.search(r" ?\[default: (.*)\]$", doc)
    if told:
        return told[1], doc[: told.start()]
    return code(default) if default else "", doc


def command_help(command: str) -> str:
    """What `peerproto COMMAND --help` says."""
    subparsers = Parser(prog="peerproto").add_subparsers()
    import_module(f"peerproto.cli.{command}").add_parser(subparsers)
    with patch.dict(os.environ, {"COLUMNS": "90", "NO_COLOR": "1"}):
        text = subparsers.choices[command].format_help()
    return f".. code-block:: text\n\n{textwrap.indent(text, '   ')}\n"


def command_list() -> str:
    """The help of every command."""
    return "\n".join(f"{command}\n{'-' * len(command)}\n\n{command_help(command)}" for command in COMMANDS)


# The reference


def interface() -> str:
    """The listener's interface; Sphinx knows no zope.interface."""
    lines = [".. py:class:: IPeerListener", "", *_indented(IPeerListener.__doc__)]
    for name in IPeerListener:
        method = IPeerListener[name]
        lines += ["", f"   .. py:method:: {name}{method.getSignatureString()}", ""]
        lines += _indented(method.__doc__, "      ")
    return "\n".join([*lines, ""])


def _indented(doc: str | None, indent: str = "   ") -> list[str]:
    return textwrap.indent(inspect.cleandoc(doc or ""), indent).splitlines()


def module_list(package: str) -> str:
    """The documentation of every module below a package, without what `peerproto` itself offers."""
    return "\n\n".join(_module(name) for name in modules_of(package))


def modules_of(package: str) -> list[str]:
    """A package and all modules below it, but for extensions written in C, which have a twin in Python."""
    found = import_module(package)
    below = pkgutil.walk_packages(getattr(found, "__path__", ()), f"{package}.")
    return [package, *sorted(item.name for item in below if "._" not in item.name)]


def _module(name: str) -> str:
    module = import_module(name)
    elsewhere = [
        item
        for item, value in vars(module).items()
        if not item.startswith("_")
        and (_is_public(item, value) or getattr(value, "__module__", name) != name)
    ]
    lines = [name, "-" * len(name), "", f".. automodule:: {name}"]
    if elsewhere:
        lines.append(f"   :exclude-members: {', '.join(sorted(elsewhere))}")
    return "\n".join(lines)


_ELSEWHERE = {"Snapshot", "named", "names", "TxFields", "AlertContent"}
"""What has its place in the reference beside the names that modules offer."""


def _is_public(name: str, value: object) -> bool:
    """Whether it has its place in the reference of `peerproto`, of the errors or of the messages."""
    return name in _ELSEWHERE or any(
        name in module.__all__ and getattr(module, name) is value for module in (peerproto, errors, bitcoin)
    )


PARTS: dict[str, Callable[..., str]] = {
    "networks": network_table,
    "policies": policy_table,
    "owed": owed_table,
    "timing": timing_table,
    "form": form_table,
    "messages": message_list,
    "records": record_list,
    "reasons": reason_table,
    "options": option_table,
    "commands": command_list,
    "interface": interface,
    "modules": module_list,
}
