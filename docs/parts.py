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
from collections.abc import Callable, Iterable
from dataclasses import fields
from importlib import import_module
from unittest.mock import patch

import sidebyside
from calls import call_table, statistics_table
from configs import config_table
from interfaces import interface_list, interfaces_of
from tables import code, codes, is_record, shortened, table

import peerproto
from peerproto import errors, networks
from peerproto.cli import COMMANDS
from peerproto.cli.networks import describe
from peerproto.cli.options import Parser
from peerproto.errors import MalformedMessage, Reason
from peerproto.forms.conversation import Timing
from peerproto.network import Network
from peerproto.networks import bitcoin
from peerproto.tap import Options
from peerproto.wire.message import Message

REASONS = {
    Reason.WRONG_NETWORK: "A frame began with another network's magic.",
    Reason.OVERSIZE: "A header announced a longer payload than any message, or than this command, may have. "
    "What speaks another protocol (HTTP, TLS, SSH) ends here too: its text reads as a length.",
    Reason.BAD_CHECKSUM: "A payload did not have the checksum that its header announced.",
    Reason.MALFORMED: "A payload is not what its command says: a count over its cap, a number not in its shortest "
    "form, bytes missing or left over, a command that the spoken protocol version does not have.",
    Reason.UNKNOWN_COMMAND: "A command of no message of this network. Decoding says so; the peers of Bitcoin and "
    "Litecoin pass over such a frame.",
    Reason.INCOMPLETE: "The bytes end inside a frame. Only decoding ends so; a live peer waits for the rest.",
    Reason.EOF_IN_MESSAGE: "The other side closed in the middle of a frame.",
    Reason.HANDSHAKE_TIMEOUT: "The handshake, both veracks included, was not done in its time.",
    Reason.UNEXPECTED_MESSAGE: "A message that may not come in this state: before the version, between version and "
    "verack, or one of the handshake's after it.",
    Reason.DUPLICATE_VERSION: "A second version.",
    Reason.DUPLICATE_VERACK: "A second verack.",
    Reason.SELF: "Our own nonce came back: we have called ourselves.",
    Reason.DUPLICATE: "The nonce of another peer from the same host came, where the network has nodes once only.",
    Reason.OBSOLETE: "The other side's protocol version is below the least that the network's policy accepts, or that "
    "`least_protocol_version` says.",
    Reason.SERVICES: "A peer that we called does not offer what `services_wanted` says.",
    Reason.REFUSED_BY_LISTENER: "A listener raised `Refused` when it heard the version.",
    Reason.IDLE: "No complete message came for too long.",
    Reason.SLOW_MESSAGE: "A message was begun and not ended in the time in which a complete one must come.",
    Reason.STALLED: "What was asked was not answered in time, or a long chain of headers had too little work. It ends "
    "a request; the peer too, if the policy insists, or if it was the one that was to bring the chain.",
    Reason.WRITE_STALL: "The peer did not take what we sent in the time that its size allows.",
    Reason.SEND_QUEUE_FULL: "More bytes waited for the peer than one peer may have waiting.",
    Reason.TOO_MANY_REQUESTS: "The peer asked for more while too much was not answered yet, where that is counted.",
    Reason.NOT_FOUND: "The peer said that it does not have what was asked. It ends a request, never a peer.",
    Reason.NO_PEERS: "Nobody is left who could be asked: each has failed, or there is none. It ends a "
    "request, never a peer.",
    Reason.MISBEHAVING: "Well formed, but against the rules: headers that break those of the chain, what nobody "
    "has offered, (policy core) a locator that is too long, or more points than the threshold.",
    Reason.CONNECTION_REFUSED: "Nothing listens at that address.",
    Reason.CONNECT_TIMEOUT: "No connection came about in its time.",
    Reason.NO_ROUTE: "The system knows no way there, or gave another reason, which the text repeats.",
    Reason.DNS: "There is no host of that name.",
    Reason.PROXY: "The proxy is not there, does not let us in, or cannot reach the peer; the text says which.",
    Reason.TLS: "The TLS handshake or its certificates failed (endpoints with `tls:`).",
    Reason.CLOSED_BY_PEER: "The other side closed the connection, between two messages.",
    Reason.RESET: "The connection broke: reset, or lost on the way.",
    Reason.LOCAL_ERROR: "A method of our own listener raised; the log has the traceback.",
    Reason.LOCAL_CLOSE: "We called `disconnect`.",
    Reason.EVICTED: "It called us, all places were taken, and another who called was given its place.",
    Reason.SHUTDOWN: "Our node stops.",
}
"""What each reason means, in a sentence."""

_NEVER_CONNECTED = {
    Reason.CONNECTION_REFUSED,
    Reason.CONNECT_TIMEOUT,
    Reason.NO_ROUTE,
    Reason.DNS,
    Reason.PROXY,
    Reason.TLS,
}
_REFUSED = {Reason.SERVICES, Reason.REFUSED_BY_LISTENER}
_LOST = {
    Reason.EOF_IN_MESSAGE,
    Reason.CLOSED_BY_PEER,
    Reason.RESET,
    Reason.TLS,
    Reason.LOCAL_CLOSE,
    Reason.EVICTED,
    Reason.SHUTDOWN,
}

# Networks


def network_table() -> str:
    """Every network with its numbers, as `peerproto networks` lists them."""
    rows = []
    for row in map(describe, map(networks.named, networks.names())):
        versions = f"{row['least_protocol_version']} to {row['protocol_version']}"
        genesis = f"{row['genesis'][:16]}…"
        rows.append([code(row["name"]), code(row["magic"]), str(row["port"]), versions, code(genesis)])
    return table(["name", "magic", "port", "versions", "genesis (begins)"], rows)


def policy_table(name: str) -> str:
    """What the policies of a network do differently, side by side."""
    names = networks.policies(name)
    found = [networks.named(name, policy) for policy in names]
    rows = [[what, *map(told, found)] for what, told in _DIFFERENCES.items()]
    late = {kind for network in found for kind in network.order.late}
    for kind in sorted(late, key=lambda kind: str(kind.command)):
        told = (_late(network, kind) for network in found)
        rows.append([f"{code(kind.command)} after the handshake", *told])
    return table(["", *(code(f'policy="{policy}"') for policy in names)], rows)


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


def owed_table(name: str) -> str:
    """What is an answer to what, and how long it may take."""
    rows = []
    for kind, owed in networks.named(name).expects.items():
        answers = codes(answer.command for answer in owed.answers)
        each, ends = "each vector" if owed.each else "once", "yes" if owed.ends_peer else "no"
        rows.append([code(kind.command), answers, each, f"{owed.seconds:g}", ends])
    return table(["request", "answers", "owed", "seconds", "ends the peer"], rows)


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


# Messages


def message_list() -> str:
    """The documentation of every message, in the network's order."""
    kinds = networks.named("bitcoin-mainnet").messages
    return "\n\n".join(f".. autoclass:: peerproto.networks.bitcoin.{kind.__name__}" for kind in kinds)


def record_list() -> str:
    """The documentation of every record of the messages."""
    found = [name for name in bitcoin.__all__ if is_record(getattr(bitcoin, name))]
    return "\n\n".join(f".. autoclass:: peerproto.networks.bitcoin.{name}" for name in found)


# Reasons and errors


def reason_table() -> str:
    """The closed list of reasons."""
    rows = [[code(reason), classes_of(reason), sentence] for reason, sentence in REASONS.items()]
    return table(["reason", "errors that carry it", "meaning"], rows, "22 26 52")


def classes_of(reason: Reason) -> str:
    """The errors that carry a reason, as links."""
    own = [kind for kind in _error_classes() if getattr(kind, "reason", None) is reason and not is_told(kind)]
    told = [errors.PeerLost] if reason in _LOST else []
    told += [errors.ConnectFailed] if reason in _NEVER_CONNECTED else []
    told += [errors.Refused] if reason in _REFUSED else []
    return ",\n".join(f":exc:`~peerproto.errors.{kind.__name__}`" for kind in [*own, *told])


def is_told(kind: type[Exception]) -> bool:
    """Whether its reason is given with each error, and not the class's own."""
    return "reason" in getattr(kind.__init__, "__annotations__", ())


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


def command_list() -> str:
    """The help of every command."""
    return "\n".join(f"{command}\n{'~' * len(command)}\n\n{command_help(command)}" for command in COMMANDS)


def command_help(command: str) -> str:
    """What `peerproto COMMAND --help` says; the node's options have a page of their own."""
    subparsers = Parser(prog="peerproto").add_subparsers()
    import_module(f"peerproto.cli.{command}").add_parser(subparsers)
    parser = subparsers.choices[command]
    if not parser.add_help:
        return "``peerproto node`` takes the options of ``twistd peernode``: :doc:`node`.\n"
    with patch.dict(os.environ, {"COLUMNS": "90", "NO_COLOR": "1"}):
        text = parser.format_help()
    return f".. code-block:: text\n\n{textwrap.indent(text, '   ')}\n"


# The reference


def module_list(package: str) -> str:
    """The documentation of every module below a package, without what `peerproto` itself offers."""
    return "\n\n".join(_module(name) for name in modules_of(package))


def modules_of(package: str) -> list[str]:
    """A package and all modules below it, but for extensions written in C, which have a twin in Python."""
    found = import_module(package)
    below = pkgutil.walk_packages(getattr(found, "__path__", ()), f"{package}.")
    return [package, *sorted(item.name for item in below if "._" not in item.name)]


def _module(name: str) -> str:
    members = {item: value for item, value in vars(import_module(name)).items() if not item.startswith("_")}
    left_out = sorted(item for item, value in members.items() if _is_left_out(name, item, value))
    lines = [name, "-" * len(name), "", f".. automodule:: {name}"]
    if left_out:
        lines.append(f"   :exclude-members: {', '.join(left_out)}")
    if not any(_is_public(found.__name__, found) for found in interfaces_of(name)):
        lines.append(interface_list(name))
    return "\n".join(lines)


def _is_left_out(module: str, name: str, value: object) -> bool:
    """Whether a name of a module is not documented there: what has its place elsewhere, and tables of functions."""
    is_table = isinstance(value, dict | tuple | list) and "<" in repr(value)
    return is_table or _is_public(name, value) or getattr(value, "__module__", module) != module


_ELSEWHERE = {
    "peerproto.networks.bitcoin.foreign.AlertContent",
    "peerproto.networks.bitcoin.transactions.TxFields",
    "peerproto.networks.named",
    "peerproto.networks.names",
    "peerproto.peer.snapshot.Snapshot",
}
"""What has its place in the reference beside the names that modules offer."""


def _is_public(name: str, value: object) -> bool:
    """Whether it has its place in the reference of `peerproto`, of the errors or of the messages."""
    return f"{getattr(value, '__module__', '')}.{name}" in _ELSEWHERE or any(
        name in module.__all__ and getattr(module, name) is value for module in (peerproto, errors, bitcoin)
    )


PARTS: dict[str, Callable[..., str]] = {
    "networks": network_table,
    "policies": policy_table,
    "owed": owed_table,
    "timing": timing_table,
    "ways": sidebyside.ways_table,
    "form": form_table,
    "messages": message_list,
    "records": record_list,
    "reasons": reason_table,
    "options": option_table,
    "configs": config_table,
    "calls": call_table,
    "statistics": statistics_table,
    "commands": command_list,
    "interfaces": interface_list,
    "modules": module_list,
}
