"""The commands as real processes, against a real node and against each other."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from peerproto.chain.rules import display
from peerproto.node.headerstore import HeaderStore

from .litecoind import Litecoind, free_ports
from .ours import TWISTD, Ours, litecoin
from .processes import Process
from .raw import RawPeer, RawServer, frame
from .waiting import SECONDS, until, within

PROGRAM_SECONDS = 20.0
"""A Python of our own takes most of a second to start, more when the machine is busy."""

ON_REGTEST = ("--network", "litecoin-regtest")


def said(process: Process) -> Any:
    """What a command has printed, which is one JSON object, once it has ended well."""
    assert process.code == 0, process.text()
    return json.loads(process.out)


def complaint(process: Process, command: str, code: int) -> str:
    """The one line that a command ends with, without its name."""
    assert (process.code, process.out) == (code, b""), process.text()
    (line,) = process.text().splitlines()
    name, _, text = line.partition(": ")
    assert name == f"peerproto {command}"
    return text


async def test_handshake(litecoind: Litecoind, ours: Ours) -> None:
    """The handshake says what the node is, as JSON for programs and as a table for people."""
    words = ("handshake", litecoind.address, *ON_REGTEST)
    machine, human = await within(ours.commands((*words, "--json"), words), PROGRAM_SECONDS)
    found = said(machine)
    expected = {"agent": "/LitecoinCore:0.21.2.1/", "height": 400, "version": 70016, "negotiated": 70016}
    assert expected.items() <= found.items()
    assert (found["address"], found["network"]) == (litecoind.address, "litecoin-regtest")
    assert {"NETWORK", "WITNESS", "MWEB"} <= set(found["services"])
    assert abs(found["time_offset"]) <= 2 and 0 < found["ping"] < 10_000
    assert human.code == 0
    for word in ("/LitecoinCore:0.21.2.1/", "70016", "400", "NETWORK, BLOOM, WITNESS", " ms"):
        assert word in human.text()


async def test_handshake_that_fails(litecoind: Litecoind, ours: Ours) -> None:
    """Nobody there, another network, a version that is too old: one line each that names the reason."""
    (closed,) = free_ports(1)
    cases: dict[tuple[str, ...], tuple[str, ...]] = {
        (f"127.0.0.1:{closed}", *ON_REGTEST): ("connection-refused",),
        (litecoind.address, "--network", "litecoin-mainnet"): ("closed-by-peer", "reset"),
        (litecoind.address, *ON_REGTEST, "--pver", "209"): ("closed-by-peer",),
    }
    commands = [("handshake", *words) for words in cases]
    ran = await within(ours.commands(*commands), PROGRAM_SECONDS)
    for process, reasons in zip(ran, cases.values(), strict=True):
        assert complaint(process, "handshake", 1).partition(": ")[0] in reasons


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"])
async def test_handshake_with_no_peer(ours: Ours, answer: bytes) -> None:
    """Who says nothing is given up after the time that was allowed, who speaks HTTP at once."""
    server = await within(RawServer().listen(ours.reactor), SECONDS)
    try:
        running = ours.commands(("handshake", server.address, *ON_REGTEST, "--timeout", "1"))
        raw = await within(server.accept(), PROGRAM_SECONDS)
        raw.send_bytes(answer)
        (process,) = await within(running, PROGRAM_SECONDS)
    finally:
        await within(server.close(), SECONDS)
    reasons = ("oversize", "wrong-network") if answer else ("handshake-timeout",)
    assert complaint(process, "handshake", 1).partition(": ")[0] in reasons


async def test_sync(fresh_litecoind: Litecoind, ours: Ours) -> None:
    """The chain is synced into a file, from where it was; a file that is none is refused and left alone."""
    node = fresh_litecoind
    words = ("sync", node.address, *ON_REGTEST, "--json", "--store")
    for count in (30, 5):
        best = (await within(node.mine(count), SECONDS))[-1]
        foreign = ours.folder / "foreign"
        foreign.write_text("not ours")
        synced, refused = await within(
            ours.commands((*words, "headers.sqlite"), (*words, "foreign")), PROGRAM_SECONDS
        )
        found = said(synced)
        assert (found["tip"], found["new"]) == (best, count)
        assert complaint(refused, "sync", 2).startswith("foreign: ")
        assert foreign.read_text() == "not ours"
    assert found["height"] == 35
    assert tip_in(ours.folder / "headers.sqlite") == (35, best)


async def test_decode(litecoind: Litecoind, ours: Ours) -> None:
    """All that a node has sent in a conversation is decoded, and encoded to the same bytes again."""
    raw = await within(RawPeer.connect(ours.reactor, litecoind.address), SECONDS)
    await within(raw.handshake(services=9), SECONDS)
    await within(raw.expect("getheaders"), SECONDS)
    best = bytes.fromhex(await within(litecoind.rpc("getbestblockhash"), SECONDS))[::-1]
    raw.send("getdata", b"\1" + (2 | 1 << 30).to_bytes(4, "little") + best)
    await within(raw.expect("block"), SECONDS)
    raw.send("getheaders", bytes.fromhex("80110100" + "00") + best)
    await within(raw.expect("headers"), SECONDS)
    await within(raw.close(), SECONDS)
    frames = [frame(each.command, each.payload) for each in raw.frames]
    (ours.folder / "capture").write_bytes(b"".join(frames))
    options = (*ON_REGTEST, "--pver", "70016")
    (decoded,) = await within(ours.commands(("decode", *options, "--raw", "capture")), PROGRAM_SECONDS)
    assert decoded.code == 0, decoded.text()
    found = [json.loads(line) for line in decoded.out.splitlines()]
    assert [each["command"] for each in found] == [each.command for each in raw.frames]
    assert {"version", "wtxidrelay", "sendaddrv2", "sendcmpct", "block"} <= {
        each["command"] for each in found
    }
    (block,) = (each for each in found if each["command"] == "block")
    assert (block["extra"] | block["fields"])["block_hash"] == best.hex()
    (ours.folder / "decoded").write_bytes(decoded.out)
    (encoded,) = await within(ours.commands(("encode", *options, "decoded")), PROGRAM_SECONDS)
    assert [bytes.fromhex(line.decode()) for line in encoded.out.splitlines()] == frames


def tip_in(path: Path) -> tuple[int, str]:
    """Height and hash of the last header in a file that nobody has open."""
    store = HeaderStore(path, litecoin().chain)
    try:
        return store.tip.height, display(store.tip.block_hash)
    finally:
        store.close()


async def at_height(ours: Ours, address: str, height: int) -> None:
    """Wait until a peer says that it has a chain of this height."""

    async def reached() -> bool:
        try:
            peer = await ours.dial(address)
        except Exception:  # it may not even listen yet
            return False
        peer.disconnect()
        return peer.snapshot().starting_height == height

    await until(reached, f"a chain of {height} at {address}", PROGRAM_SECONDS)


async def end(process: Process) -> None:
    """Ask a node to end; it does so in good order, with nothing to complain of."""
    process.send_signal(signal.SIGTERM)
    await within(process.when_ended(), SECONDS, "the end of a node")
    shown = process.text()
    # twistd passes the signal on when all is done: a shell sees 143.
    assert process.code == 0 or (process.killed_by == signal.SIGTERM and "Server Shut Down." in shown), shown
    assert "Traceback" not in shown and "Unhandled" not in shown, shown


async def test_two_nodes_of_ours(litecoind: Litecoind, ours: Ours) -> None:
    """One process of ours follows the node and listens, another follows the first; both end when they are told to,
    and each has the whole chain in its file.
    """
    best = await within(litecoind.rpc("getbestblockhash"), SECONDS)
    ports = free_ports(2)
    one, two = (f"127.0.0.1:{port}" for port in ports)
    listening = [f"--listen=tcp:{port}:interface=127.0.0.1" for port in ports]
    first = ours.program(
        *TWISTD, *ON_REGTEST, listening[0], "--connect", litecoind.address, "--store=one.sqlite"
    )
    await within(at_height(ours, one, 400), PROGRAM_SECONDS)
    second = ours.program(*TWISTD, *ON_REGTEST, listening[1], "--connect", one, "--store=two.sqlite")
    await within(at_height(ours, two, 400), PROGRAM_SECONDS)
    for process in (first, second):
        await within(end(process), SECONDS)
        assert f"height 400, tip {best}" in process.text()
    for name in ("one.sqlite", "two.sqlite"):
        assert tip_in(ours.folder / name) == (400, best)


NODE = {"twistd": TWISTD, "peerproto": ("-m", "peerproto", "node")}
"""The two ways to run a node."""


@pytest.mark.parametrize("way", NODE)
async def test_node_from_a_file(fresh_litecoind: Litecoind, ours: Ours, way: str) -> None:
    """Options from a file: the node is followed into the file named there while it mines, is killed and comes again."""
    node = fresh_litecoind
    await within(node.mine(20), SECONDS)
    (port,) = free_ports(1)
    (ours.folder / "options.toml").write_text(
        'network = "litecoin-regtest"\n'
        f'connect = ["{node.address}"]\n'
        f'listen = ["tcp:{port}:interface=127.0.0.1"]\n'
        'store = "from-file.sqlite"\n'
    )
    process = ours.program(*NODE[way], "--config=options.toml")
    await within(at_height(ours, f"127.0.0.1:{port}", 20), PROGRAM_SECONDS)
    await within(node.mine(2), SECONDS)
    await within(at_height(ours, f"127.0.0.1:{port}", 22), PROGRAM_SECONDS)
    await within(node.kill(), SECONDS)
    await within(node.restart(), SECONDS)
    best = (await within(node.mine(2), SECONDS))[-1]
    await within(at_height(ours, f"127.0.0.1:{port}", 24), PROGRAM_SECONDS)
    await within(end(process), SECONDS)
    assert tip_in(ours.folder / "from-file.sqlite") == (24, best)


@pytest.mark.parametrize("way", NODE)
@pytest.mark.parametrize("what", ["store", "port"])
async def test_node_that_cannot_start(ours: Ours, what: str, way: str) -> None:
    """A file that is not ours and a port that is taken are one line and exit code 1; nothing is touched."""
    server = await within(RawServer().listen(ours.reactor), SECONDS)
    try:
        (ours.folder / "foreign").write_text("not ours")
        where = server.address.replace("127.0.0.1:", "tcp:") + ":interface=127.0.0.1"
        options = {"store": ("--store", "foreign"), "port": ("--listen", where)}
        process = ours.program(*NODE[way], *ON_REGTEST, *options[what])
        await within(process.when_ended(), PROGRAM_SECONDS, "the end of a node that cannot start")
    finally:
        await within(server.close(), SECONDS)
    assert process.code == 1, process.text()
    (line,) = [line for line in process.text().splitlines() if line.startswith("peernode: ")]
    assert {"store": "foreign: ", "port": f"cannot listen on {where}: "}[what] in line
    assert "Traceback" not in process.text()
    assert (ours.folder / "foreign").read_text() == "not ours"
