"""Tables that show the ways of all networks side by side, each from its data or from a peer that was tried."""

from __future__ import annotations

from collections.abc import Callable

from held import bloom_table, score_table
from tables import code, codes
from tried import EARLY, LATE, STEPS, handshake, tried
from ways import Rows, side_by_side, ways

from peerproto.network import Network
from peerproto.wire.message import Message


def _says(what: str) -> Callable[[Network], str]:
    return lambda network: str(tried(network, what) or "")


def handshake_table() -> str:
    """Who says what, and what is put up with."""
    rows: Rows = {
        "protocol versions": lambda network: (
            f"{network.least_protocol_version} to {network.protocol_version}"
        ),
        "speaks first": lambda network: "both" if network.order.both_speak else "who calls",
        **{f"who calls says {step}": _step(False, step) for step in STEPS},
        **{f"who is called says {step}": _step(True, step) for step in STEPS},
        "their verack is a gate": lambda network: "yes" if network.order.gate else "no",
        "comes between version and verack": _between,
        **{what: _says(what) for what in EARLY},
        **{what: _says(what) for what in LATE if what.startswith("a second")},
    }
    return side_by_side(rows)


def _step(inbound: bool, step: str) -> Callable[[Network], str]:
    return lambda network: handshake(network, inbound, step)


def _between(network: Network) -> str:
    if not network.order.gate:
        return "everything"
    noted = codes(sorted(kind.command for kind in network.order.between))
    order = network.order
    return f"{order.keeps} of any kind, to version {order.keeps_until}" if order.keeps else noted


def frame_table() -> str:
    """What is made of frames that are not as they should be."""
    rows: Rows = {
        "longest payload, bytes": lambda network: f"{network.envelope.most:,}",
        "a command is": _command,
        **{what: _says(what) for what in LATE if not what.startswith("a second")},
    }
    return side_by_side(rows)


def _command(network: Network) -> str:
    envelope = network.envelope
    if envelope.strict_ascii:
        return "printable ASCII"
    if envelope.command_fault(b"\xff".ljust(12, b"\0")):
        return "UTF-8"
    return "any bytes, up to the first NUL" if envelope.cuts_at_nul else "any bytes"


def reject_table() -> str:
    """Which refusals are answered by which reject."""
    rows: Rows = {what: _told(what) for what in (*EARLY, *LATE)}
    rows = {what: told for what, told in rows.items() if any(told(network) != "" for _, network in ways())}
    return side_by_side({"protocol versions with ``reject``": _reject_versions, **rows})


def _reject(network: Network, what: str) -> Message | None:
    found = tried(network, what)
    return found.told if found else None


def _told(what: str) -> Callable[[Network], str]:
    def told(network: Network) -> str:
        message = _reject(network, what)
        if message is None:
            return ""
        fields = message.to_fields()
        return f"{code(str(fields['cmd']))} 0x{fields['code']:02x}"

    return told


def _reject_versions(network: Network) -> str:
    """From and to which protocol version a reject is told."""
    told = [message for what in (*EARLY, *LATE) if (message := _reject(network, what))]
    if not told:
        return "never"
    kind = type(told[0])
    return f"{max(kind.since, network.least_protocol_version)} to {kind.until or network.protocol_version}"


def timing_table() -> str:
    """The times of a peer, in seconds."""
    rows: Rows = {
        "the whole handshake": lambda network: f"{network.timing.handshake:g}",
        "idle: no complete message": lambda network: f"{network.timing.idle:g}",
        "a ping each": _pings,
        "a look for what is overdue each": lambda network: f"{network.timing.stall_tick:g}",
    }
    return side_by_side(rows)


def _pings(network: Network) -> str:
    rarely = ", to who has pinged" if network.timing.ping_if_pinged else ""
    return f"{network.timing.ping:g}{rarely}"


def inventory_table() -> str:
    """How things are announced."""
    rows: Rows = {
        "rounds of announcements": _rounds,
        "blocks are announced": _blocks_announced,
        "vectors in one message": lambda network: f"{network.inventory.most:,}",
        "vectors remembered of a peer": lambda network: f"{network.inventory.known:,}",
        "forgotten after, seconds": _life,
    }
    return side_by_side(rows)


def _rounds(network: Network) -> str:
    least, most = network.timing.trickle
    if not most:
        return "none: all is announced at once"
    return f"each {most:g} s" if least == most else f"each {least:g} to {most:g} s"


def _blocks_announced(network: Network) -> str:
    asked = network.codec().encode(network.request_blocks([bytes(32)], False))
    (vector,) = network.inventory.vectors(asked[network.envelope.size :])
    waits = network.timing.trickle[1] and not network.inventory.at_once(vector)
    return "in a round" if waits else "at once"


def _life(network: Network) -> str:
    life = network.inventory.life
    return "never" if life is None else f"{life:g}"


def stall_table() -> str:
    """What is owed to which request, and in how many seconds; they are bold where its lack ends the peer."""
    answers: dict[str, dict[str, None]] = {}
    for _, network in ways():
        for kind, owed in network.expects.items():
            answers.setdefault(kind.command, {}).update({answer.command: None for answer in owed.answers})
    rows: Rows = {
        f"{code(command)}: {codes(found)}": _seconds(command) for command, found in sorted(answers.items())
    }
    return side_by_side(rows)


def _seconds(command: str) -> Callable[[Network], str]:
    def seconds(network: Network) -> str:
        for kind, owed in network.expects.items():
            if kind.command == command:
                text = f"**{owed.seconds:g}**" if owed.ends_peer else f"{owed.seconds:g}"
                return text + (" each" if owed.each and not owed.grouped else "")
        return ""

    return seconds


def sync_table() -> str:
    """How blocks and addresses are come by, and what a peer answers of itself."""
    rows: Rows = {
        "nodes follow": _followed,
        "asked for by": _asked_by,
        "addresses are asked for by": lambda network: (
            code(network.gossip.asking.command) if network.gossip else ""
        ),
        "addresses in one message": lambda network: f"{network.gossip.most:,}" if network.gossip else "",
        "answered without a listener": lambda network: codes(
            sorted(kind.command for kind in network.replies)
        ),
    }
    return side_by_side(rows)


def backlog_table() -> str:
    """How much may be asked for and not be given yet."""
    rows: Rows = {
        "is read meanwhile": lambda network: "yes" if network.backlog else "no",
        "questions that may wait": lambda network: f"{network.backlog.messages:,}" if network.backlog else "",
        "things asked for in them": lambda network: f"{network.backlog.items:,}" if network.backlog else "",
        "things under way to us": lambda network: f"{network.backlog.ours:,}" if network.backlog else "",
    }
    return side_by_side(rows)


def _followed(network: Network) -> str:
    return "a chain of headers" if network.header_sync else "a graph of blocks"


def _asked_by(network: Network) -> str:
    sync = network.header_sync
    if sync is None:
        graph = network.graph_sync
        return codes(sorted(kind.command for kind in graph.asking)) if graph else ""
    again = ", and again while any come" if sync.asks_again else ""
    return f"{code(sync.asking.command)}, at most {sync.most:,} at once{again}"


TABLES: dict[str, Callable[[], str]] = {
    "handshake": handshake_table,
    "frames": frame_table,
    "rejects": reject_table,
    "timing": timing_table,
    "inventory": inventory_table,
    "stall": stall_table,
    "backlog": backlog_table,
    "sync": sync_table,
    "bloom": bloom_table,
    "scores": score_table,
}


def ways_table(name: str) -> str:
    """One of the tables."""
    return TABLES[name]()
