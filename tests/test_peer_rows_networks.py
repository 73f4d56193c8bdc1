"""Hostile bytes and conduct, row by row, where each network but Bitcoin has its own answer: reasons of the end, `None`
where the peer stays.

Bitcoin's two ways stand in `test_peer_hostile` and `test_peer_rows`.
"""

from __future__ import annotations

from collections.abc import Callable

from peerproto.errors import Reason
from peerproto.testing import RawPeer, Recorder
from tests.everywhere import WAYS, EverywhereCase
from tests.frames import MOST, VECTOR, count, frame, header, vectors

Outcome = Reason | None
Deed = Callable[[str, RawPeer], None]

OTHERS = ("dcrd", "dcrd1", "soterd", "kaspad", "neo-cli")
TELL = ("dcrd1", "soterd", "kaspad")
"""Those that tell a peer why it is ended."""

MALFORMED, OVERSIZE, UNKNOWN = Reason.MALFORMED, Reason.OVERSIZE, Reason.UNKNOWN_COMMAND


def addresses(way: str, counted: bytes, number: int = 0) -> tuple[bytes, bytes]:
    """Command and payload of addresses that are zeros."""
    if way == "dcrd":
        return b"addrv2", counted + (bytes(16) + b"\1" + bytes(6)) * number
    if way == "kaspad":
        return b"addr", b"\0\1" + counted + bytes(34 * number)
    return b"addr", counted + bytes(30 * number)


def locator(way: str, more: int) -> tuple[bytes, bytes]:
    """Command and payload of a locator that is as long as it may be, or longer; of zeros."""
    if way == "soterd":
        return b"getheaders", bytes(4) + bytes([1 + more]) + bytes(4 * (1 + more) + 32)
    if way == "neo-cli":
        return b"getheaders", bytes([16 + more]) + bytes(32 * (16 + more) + 32)
    hashes = count(500 + more) + bytes(32 * (500 + more))
    return (b"locator", hashes) if way == "kaspad" else (b"getheaders", bytes(4) + hashes + bytes(32))


class NetworkRows(EverywhereCase):
    """What becomes of peers of each network."""

    def outcomes(self, deed: Deed, *, begun: bool = True) -> dict[str, Outcome]:
        """Why the peer of each network is ended by a deed; those that are told so hear why.

        :param begun: whether the handshake is done before.
        """
        found: dict[str, Outcome] = {}
        for way in OTHERS:
            look = Recorder(
                {
                    f"on_{name}": lambda _, each: each.load()
                    for name in ("inv", "addr", "addrv2", "headers", "getheaders", "locator")
                }
            )
            raw = self.on(way, listener=look) if begun else self.made(way, listener=look)
            raw.read()
            deed(way, raw)
            error = raw.peer.ending
            told = [message.command for message in raw.read() if message.command == "reject"]
            self.assertEqual(told, ["reject"] if begun and error and way in TELL else [], way)
            found[way] = error.reason if error else None
        return found

    def check(self, command: bytes, payload: Callable[[str], bytes], *expected: Outcome) -> None:
        """What a frame of each network does to a ready peer."""
        found = self.outcomes(lambda way, raw: raw.send(frame(way, command, payload(way))))
        self.assertEqual(found, dict(zip(OTHERS, expected, strict=True)))

    def test_row_01_wrong_magic(self) -> None:
        """It ends every peer at the header."""
        found = self.outcomes(lambda way, raw: raw.send(b"abcd" + header(way, b"ping", 8)[4:]))
        self.assertEqual(set(found.values()), {Reason.WRONG_NETWORK})

    def test_row_02_wrong_checksum(self) -> None:
        """It ends every peer."""
        found = self.outcomes(lambda way, raw: raw.send(header(way, b"inv", 1) + b"\0"))
        self.assertEqual(set(found.values()), {Reason.BAD_CHECKSUM})

    def test_row_05_length_all_ones(self) -> None:
        """The header is enough."""
        found = self.outcomes(lambda way, raw: raw.send(header(way, b"block", 0xFFFF_FFFF)))
        self.assertEqual(set(found.values()), {OVERSIZE})

    def test_row_06_one_more_than_the_command_may_have(self) -> None:
        """The header is enough; NEO has no such limits but for transactions, which are passed over."""
        found = self.outcomes(lambda way, raw: raw.send(header(way, b"verack", 1)))
        self.assertEqual(found, dict(zip(OTHERS, [OVERSIZE] * 4 + [None], strict=True)))
        raw = self.on("neo-cli")
        raw.send(frame("neo-cli", b"tx", bytes(102_401)))
        self.assertFalse(raw.hung_up)

    def test_row_11_never_verack(self) -> None:
        """It ends the handshake where their verack is a gate; else the idle limit has the last word."""

        def wait(way: str, raw: RawPeer) -> None:
            raw.send(raw.version())
            raw.read()
            self.let_pass(31)

        limit = Reason.HANDSHAKE_TIMEOUT
        found = self.outcomes(wait, begun=False)
        self.assertEqual(found, dict(zip(OTHERS, (limit, None, None, None, limit), strict=True)))

    def test_rows_12_and_18_before_the_version(self) -> None:
        """Whatever comes before the version ends every peer, unheard."""
        for command in ("verack", "inv"):
            for way in OTHERS:
                raw = self.made(way, inbound=True)
                raw.send(frame(way, command.encode(), vectors(way, b"\0") if command == "inv" else b""))
                self.assertEqual(self.why(raw).reason, Reason.UNEXPECTED_MESSAGE)
                self.assertNotIn(f"on_{command}", self.heard(raw).names)

    def test_row_13_second_version(self) -> None:
        """It ends every peer but Kaspa's, which says so and stays."""
        for way in OTHERS:
            raw = self.on(way)
            raw.read()
            raw.send(raw.version())
            told = [message.command for message in raw.read()]
            self.assertEqual((way, raw.hung_up, told), (way, way != "kaspad", ["reject"] * (way in TELL)))

    def test_row_14_second_verack(self) -> None:
        """It ends every peer but Kaspa's, which alone says so."""
        for way in OTHERS:
            raw = self.on(way)
            raw.read()
            raw.send(WAYS[way].verack())
            told = [message.command for message in raw.read()]
            self.assertEqual((way, raw.hung_up, told), (way, way != "kaspad", ["reject"] * (way == "kaspad")))

    def test_rows_15_and_16_unknown_commands(self) -> None:
        """They end every peer but NEO's, in the handshake and after it."""
        self.check(b"protoconf", lambda way: b"x", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, None)
        for way in OTHERS:
            raw = self.made(way, inbound=True)
            raw.send(raw.version(), frame(way, b"protoconf", b"x"))
            self.assertEqual(raw.hung_up, way != "neo-cli", way)

    def test_row_17_commands_that_are_none(self) -> None:
        """Decred's commands are strict ASCII; those of Soter and Kaspa are text; NEO's are any bytes."""
        self.check(b"pi\0ng", lambda way: b"", MALFORMED, MALFORMED, UNKNOWN, UNKNOWN, None)
        self.check(b"\xff\xfe", lambda way: b"", MALFORMED, MALFORMED, MALFORMED, MALFORMED, None)

    def test_row_18_inventory_before_verack(self) -> None:
        """It is heard where their verack is no gate; today's dcrd and NEO hang up."""
        for way in OTHERS:
            raw = self.made(way, inbound=True)
            raw.send(raw.version(), frame(way, b"inv", vectors(way, b"\0")))
            gate = WAYS[way].order.gate
            self.assertEqual((raw.hung_up, "on_inv" in self.heard(raw).names), (gate, not gate), way)

    def test_rows_26_and_27_cut_short(self) -> None:
        """An empty ping, or one of three bytes, ends every peer."""
        for payload in (b"", b"123"):
            self.check(b"ping", lambda way, payload=payload: payload, *[MALFORMED] * 5)  # type: ignore[misc]

    def test_row_28_trailing_bytes(self) -> None:
        """They end a peer of today's dcrd; nobody else minds."""
        self.check(b"inv", lambda way: vectors(way, b"\0") + b"xyz", MALFORMED, None, None, None, None)

    def test_row_29_long_varints(self) -> None:
        """They end every peer but NEO's, whose nodes read any form."""
        self.check(b"inv", lambda way: vectors(way, b"\xfd\0\0"), *[MALFORMED] * 4, None)

    def test_row_30_endless_counts(self) -> None:
        """They end every peer at once."""
        self.check(b"inv", lambda way: vectors(way, b"\xff" * 9) + bytes(10), *[MALFORMED] * 5)

    def test_row_31_too_many_announced(self) -> None:
        """One vector more than a message may have; NEO tells it by the count, the others by the length."""
        for more, expected in ((1, [OVERSIZE] * 4 + [MALFORMED]), (0, [None] * 5)):
            self.check(b"inv", lambda way, more=more: self.many(way, more), *expected)  # type: ignore[misc]

    @staticmethod
    def many(way: str, more: int) -> bytes:
        """As many vectors as a message may have, and some."""
        number = MOST.get(way, 50_000) + more
        return vectors(way, count(number), number)

    def test_row_32_nothing(self) -> None:
        """Empty lists are read; but of addresses those of addrv2 and of NEO have at least one."""
        for command in (b"inv", b"getdata"):
            self.check(command, lambda way: vectors(way, b"\0"), *[None] * 5)
        found = self.outcomes(lambda way, raw: raw.send(frame(way, *addresses(way, b"\0"))))
        self.assertEqual(found, dict(zip(OTHERS, (MALFORMED, None, None, None, MALFORMED), strict=True)))

    def test_row_35_too_many_addresses(self) -> None:
        """A thousand are read and one more ends every peer; of NEO's 200 and 201."""
        for more, expected in ((1, (MALFORMED, *[OVERSIZE] * 3, MALFORMED)), (0, [None] * 5)):
            found: dict[str, Outcome] = {}
            for way in OTHERS:
                raw, number = self.on(way), (200 if way == "neo-cli" else 1000) + more
                raw.peer.hear(addresses(way, b"")[0].decode(), lambda _, message: message.load())
                raw.send(frame(way, *addresses(way, count(number), number)))
                found[way] = raw.peer.ending.reason if raw.peer.ending else None
            self.assertEqual(found, dict(zip(OTHERS, expected, strict=True)))

    def test_row_41_too_many_headers(self) -> None:
        """2001 headers; Kaspa has none at all."""
        sizes = {"dcrd": 181, "dcrd1": 181, "neo-cli": 110}
        self.check(
            b"headers",
            lambda way: count(2001) + bytes(sizes.get(way, 81) * 2001),
            OVERSIZE, OVERSIZE, OVERSIZE, UNKNOWN, MALFORMED,
        )  # fmt: skip

    def test_row_43_long_locators(self) -> None:
        """Decred's and Kaspa's have 500 hashes at most, Soter's one height, NEO's 16 hashes; one more ends the peer."""
        for more, expected in ((1, (OVERSIZE, OVERSIZE, MALFORMED, OVERSIZE, MALFORMED)), (0, [None] * 5)):
            found = self.outcomes(lambda way, raw, more=more: raw.send(frame(way, *locator(way, more))))  # type: ignore[misc]
            self.assertEqual(found, dict(zip(OTHERS, expected, strict=True)))

    def test_row_44_pongs(self) -> None:
        """One that nobody asked for is ignored; one with another nonce cancels nothing; a short one is malformed."""
        for way in OTHERS:
            raw = self.on(way)
            raw.read()
            waiting = raw.peer.ping()
            (ping,) = raw.read()
            network = WAYS[way]
            for nonce, called in ((ping.nonce ^ 1, False), (ping.nonce, True)):  # type: ignore[attr-defined]
                pong = network.make_pong(network.make_ping(nonce, raw.peer.factory), raw.peer.factory)
                assert pong is not None
                raw.send(pong, pong)
                self.assertEqual((raw.hung_up, waiting.called), (False, called), way)
            self.successResultOf(waiting)
        self.check(b"pong", lambda way: b"123", *[MALFORMED] * 5)

    def test_row_46_not_asked(self) -> None:
        """A notfound for what was not asked ends nobody; dcrd holds it against the peer."""
        found: dict[str, int] = {}
        for way in OTHERS:
            raw = self.on(way)
            block = (2).to_bytes(4, "little") + bytes(VECTOR.get(way, 36) - 4)
            raw.send(frame(way, b"notfound", b"" if way == "neo-cli" else b"\1" + block))
            self.assertFalse(raw.hung_up, way)
            found[way] = raw.peer.score
        self.assertEqual(found, {"dcrd": 20, "dcrd1": 20, "soterd": 0, "kaspad": 0, "neo-cli": 0})
