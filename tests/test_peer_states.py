"""Tests of every message in every state, on both sides, by both policies."""

from __future__ import annotations

from typing import Any, NamedTuple

from peerproto.errors import (
    BadChecksum,
    DuplicateVerack,
    DuplicateVersion,
    MalformedMessage,
    PeerError,
    UnexpectedMessage,
    VersionExpected,
)
from peerproto.networks.bitcoin import (
    Alert,
    FeeFilter,
    Inv,
    InvVect,
    Ping,
    Reject,
    SendAddrV2,
    SendCmpct,
    SendHeaders,
    SendTxRcncl,
    VerAck,
    WtxidRelay,
)
from peerproto.peer.handshake import State
from peerproto.testing import RawPeer
from tests.peer_case import HASHES, POLICIES, PeerTestCase, unknown_frame

FIRST, SECOND, READY = State.AWAITING_VERSION, State.AWAITING_VERACK, State.READY
TOO_EARLY = ("version", 1, "a version message must precede all others")
SECOND_VERSION = ("version", 0x12, "duplicate version message")
SECOND_VERACK = ("verack", 0x12, "duplicate verack message")


class Outcome(NamedTuple):
    """What becomes of a message: the state after it, what is written, heard and noted; or the end and its reject."""

    state: State
    written: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    noted: bool = False
    error: type[PeerError] | None = None
    reject: tuple[str, int, str] | None = None


def stays(state: State, *written: str, heard: tuple[str, ...] = (), noted: bool = False) -> Outcome:
    return Outcome(state, written, heard, noted)


def ends(error: type[PeerError], reject: tuple[str, int, str] | None = None) -> Outcome:
    return Outcome(State.CLOSED, error=error, reject=reject)


def notes(state: State, command: str) -> Outcome:
    return stays(state, heard=(f"on_{command}",), noted=True)


def malformed(text: str) -> tuple[str, int, str]:
    return ("malformed", 1, text)


REPLIES = ("wtxidrelay", "sendaddrv2", "verack")
UNKNOWN, SHORT_PING, BAD_SUM = "unknown command", "short ping", "bad checksum"
NEGOTIATING = (WtxidRelay, SendAddrV2, SendTxRcncl, SendCmpct)
ORDINARY = (Ping, Inv, FeeFilter)

TABLE: dict[str, dict[tuple[State, Any], Outcome]] = {
    "btcd": {
        (FIRST, "version"): stays(SECOND, *REPLIES, heard=("on_version",)),
        (FIRST, VerAck): ends(VersionExpected, TOO_EARLY),
        **{(FIRST, kind): ends(VersionExpected, TOO_EARLY) for kind in (*ORDINARY, SendAddrV2, SendHeaders)},
        **{(FIRST, kind): ends(UnexpectedMessage) for kind in (WtxidRelay, SendTxRcncl, SendCmpct, Alert)},
        (FIRST, UNKNOWN): ends(UnexpectedMessage),
        (FIRST, SHORT_PING): ends(MalformedMessage),
        (FIRST, BAD_SUM): ends(BadChecksum),
        (SECOND, "version"): ends(DuplicateVersion),
        (SECOND, VerAck): stays(READY, "sendheaders", heard=("on_verack", "on_ready")),
        **{(SECOND, kind): notes(SECOND, kind.command) for kind in NEGOTIATING},
        **{(SECOND, kind): ends(UnexpectedMessage) for kind in (*ORDINARY, SendHeaders)},
        (SECOND, Alert): stays(SECOND),
        (SECOND, UNKNOWN): stays(SECOND),
        (SECOND, SHORT_PING): ends(MalformedMessage),
        (SECOND, BAD_SUM): ends(BadChecksum),
        (READY, "version"): ends(DuplicateVersion, SECOND_VERSION),
        (READY, VerAck): ends(DuplicateVerack, SECOND_VERACK),
        (READY, SendAddrV2): ends(UnexpectedMessage),
        **{(READY, kind): notes(READY, kind.command) for kind in (WtxidRelay, SendTxRcncl, SendCmpct)},
        (READY, SendHeaders): notes(READY, "sendheaders"),
        (READY, Ping): stays(READY, "pong", heard=("on_ping",)),
        (READY, Inv): stays(READY, heard=("on_inv",)),
        (READY, FeeFilter): stays(READY, heard=("on_feefilter",)),
        (READY, Alert): stays(READY, heard=("on_alert",)),
        (READY, UNKNOWN): stays(READY, heard=("on_message",)),
        (READY, SHORT_PING): ends(MalformedMessage, malformed("ping: ")),
        (READY, BAD_SUM): ends(BadChecksum, malformed("ping: checksum ")),
    },
    "core": {
        (FIRST, "version"): stays(SECOND, *REPLIES, heard=("on_version",)),
        **{(FIRST, kind): stays(FIRST) for kind in (VerAck, *ORDINARY, *NEGOTIATING, SendHeaders, Alert)},
        (FIRST, UNKNOWN): stays(FIRST),
        (FIRST, SHORT_PING): stays(FIRST),
        (FIRST, BAD_SUM): stays(FIRST),
        (SECOND, "version"): stays(SECOND),
        (SECOND, VerAck): stays(READY, "sendheaders", heard=("on_verack", "on_ready")),
        **{(SECOND, kind): notes(SECOND, kind.command) for kind in (*NEGOTIATING, SendHeaders)},
        **{(SECOND, kind): stays(SECOND) for kind in (*ORDINARY, Alert)},
        (SECOND, UNKNOWN): stays(SECOND),
        (SECOND, SHORT_PING): stays(SECOND),
        (SECOND, BAD_SUM): stays(SECOND),
        (READY, "version"): stays(READY),
        (READY, VerAck): stays(READY),
        **{(READY, kind): ends(UnexpectedMessage) for kind in (WtxidRelay, SendAddrV2, SendTxRcncl)},
        (READY, SendCmpct): notes(READY, "sendcmpct"),
        (READY, SendHeaders): notes(READY, "sendheaders"),
        (READY, Ping): stays(READY, "pong", heard=("on_ping",)),
        (READY, Inv): stays(READY, heard=("on_inv",)),
        (READY, FeeFilter): stays(READY, heard=("on_feefilter",)),
        (READY, Alert): stays(READY, heard=("on_alert",)),
        (READY, UNKNOWN): stays(READY, heard=("on_message",)),
        (READY, SHORT_PING): stays(READY, heard=("on_message",)),
        (READY, BAD_SUM): stays(READY, heard=("on_message",)),
    },
}


def thing_of(raw: RawPeer, kind: Any) -> Any:
    """A message of a kind, or a frame where the kind is no message."""
    envelope = raw.peer.network.envelope
    made = {
        "version": raw.version,
        UNKNOWN: lambda: unknown_frame(raw.peer.network),
        SHORT_PING: lambda: envelope.wrap(b"ping".ljust(12, b"\0"), b"123"),
        BAD_SUM: lambda: raw.frame(Ping(1))[:-1] + b"!",
        Ping: lambda: Ping(5),
        Inv: lambda: Inv([InvVect(2, HASHES[0])]),
        FeeFilter: lambda: FeeFilter(1000),
        SendTxRcncl: lambda: SendTxRcncl(1, 2),
        SendCmpct: lambda: SendCmpct(announce=False, version=2),
        Alert: lambda: Alert(b"", b""),
    }
    return made.get(kind, kind)()


class EveryMessageInEveryStateTests(PeerTestCase):
    """One loop over policies, sides, states and kinds of messages."""

    def in_state(self, policy: str, state: State, *, inbound: bool) -> RawPeer:
        raw = self.raw(policy, inbound=inbound)
        if state is not FIRST:
            raw.send(raw.version())
        if state is READY:
            raw.send(VerAck())
        raw.read()
        self.heard(raw).events.clear()
        return raw

    def check(self, policy: str, state: State, kind: Any, outcome: Outcome, *, inbound: bool) -> None:
        raw = self.in_state(policy, state, inbound=inbound)
        raw.send(thing_of(raw, kind))
        peer, written = raw.peer, raw.read()
        self.assertEqual(raw.hung_up, outcome.error is not None)
        self.assertIs(type(peer.ending), outcome.error or type(None))
        if outcome.reject is not None:
            self.check_reject(written, outcome.reject)
            written = []
        if inbound and (state, kind) == (FIRST, "version"):
            self.assertEqual(written.pop(0).command, "version")
        commands, heard = tuple(message.command for message in written), tuple(self.heard(raw).names)
        noted = isinstance(kind, type) and kind in peer.handshake.noted
        self.assertEqual(Outcome(peer.state, commands, heard, noted, outcome.error, outcome.reject), outcome)

    def check_reject(self, written: list[Any], wanted: tuple[str, int, str]) -> None:
        (reject,) = written
        self.assertIsInstance(reject, Reject)
        self.assertEqual((reject.cmd, reject.code), wanted[:2])
        self.assertEqual(reject.reason[: len(wanted[2])], wanted[2])

    def test_table_is_complete(self) -> None:
        """The tables of both policies speak of the same messages, each in each state."""
        for policy in POLICIES:
            kinds = {kind for _, kind in TABLE[policy]}
            self.assertEqual(
                {(state, kind) for state in (FIRST, SECOND, READY) for kind in kinds}, {*TABLE[policy]}
            )
        self.assertEqual({*TABLE["btcd"]}, {*TABLE["core"]})

    def test_table(self) -> None:
        """In each state each message has the effect that the reference's own peers have shown."""
        for policy in POLICIES:
            for (state, kind), outcome in TABLE[policy].items():
                for inbound in (False, True):
                    try:
                        self.check(policy, state, kind, outcome, inbound=inbound)
                    except AssertionError as error:
                        self.fail(f"{policy}, {state.name}, {kind}, inbound={inbound}: {error}")

    def test_after_the_end(self) -> None:
        """A peer that has ended hears and counts nothing more, whatever comes."""
        for kind in {kind for _, kind in TABLE["btcd"]}:
            raw = self.in_state("btcd", READY, inbound=False)
            raw.peer.disconnect()
            counted = raw.peer.statistics.bytes_received
            raw.send(thing_of(raw, kind))
            self.assertEqual((raw.read(), self.heard(raw).names), ([], []))
            self.assertEqual(raw.peer.statistics.bytes_received, counted)
