"""Tests of the tree of errors and the list of reasons."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import errors
from peerproto.errors import (
    BadChecksum,
    ConnectFailed,
    Discredited,
    DuplicateConnection,
    DuplicateVerack,
    DuplicateVersion,
    HandshakeError,
    HandshakeTimeout,
    Incomplete,
    InvalidBlock,
    InvalidHeaders,
    ListenerFailed,
    LocalError,
    MalformedMessage,
    Misled,
    NoPeers,
    NotFound,
    Oversize,
    OversizeCommand,
    PeerError,
    PeerIdle,
    PeerLost,
    PeerStalled,
    Reason,
    Refused,
    SelfConnection,
    SendQueueFull,
    SendStalled,
    SlowMessage,
    StoreError,
    TooManyRequests,
    UnexpectedMessage,
    UnknownCommand,
    Unoffered,
    VersionExpected,
    VersionTooOld,
    WrongNetwork,
)

TREE = {
    PeerError: {
        MalformedMessage,
        HandshakeError,
        InvalidHeaders,
        InvalidBlock,
        Misled,
        Unoffered,
        Discredited,
        PeerStalled,
        PeerIdle,
        SendStalled,
        SendQueueFull,
        TooManyRequests,
        PeerLost,
        ConnectFailed,
        ListenerFailed,
        NoPeers,
        NotFound,
    },
    MalformedMessage: {WrongNetwork, Oversize, BadChecksum, UnknownCommand, Incomplete},
    Oversize: {OversizeCommand},
    HandshakeError: {
        UnexpectedMessage,
        DuplicateVersion,
        DuplicateVerack,
        SelfConnection,
        DuplicateConnection,
        VersionTooOld,
        Refused,
        HandshakeTimeout,
    },
    UnexpectedMessage: {VersionExpected},
    PeerIdle: {SlowMessage},
    LocalError: {StoreError},
}
"""The tree as it is drawn at the head of the module."""

OWN_REASONS = {
    MalformedMessage: "malformed",
    WrongNetwork: "wrong-network",
    Oversize: "oversize",
    OversizeCommand: "oversize",
    BadChecksum: "bad-checksum",
    UnknownCommand: "unknown-command",
    Incomplete: "incomplete",
    HandshakeError: "unexpected-message",
    UnexpectedMessage: "unexpected-message",
    VersionExpected: "unexpected-message",
    DuplicateVersion: "duplicate-version",
    DuplicateVerack: "duplicate-verack",
    SelfConnection: "self",
    DuplicateConnection: "duplicate",
    VersionTooOld: "obsolete",
    HandshakeTimeout: "handshake-timeout",
    InvalidHeaders: "misbehaving",
    InvalidBlock: "misbehaving",
    Misled: "misbehaving",
    Unoffered: "misbehaving",
    Discredited: "misbehaving",
    PeerStalled: "stalled",
    PeerIdle: "idle",
    SlowMessage: "slow-message",
    SendStalled: "write-stall",
    SendQueueFull: "send-queue-full",
    TooManyRequests: "too-many-requests",
    ListenerFailed: "local-error",
    NotFound: "not-found",
    NoPeers: "no-peers",
}


def of_errors(parent: type[Exception]) -> set[type[Exception]]:
    """The children that the module itself defines."""
    return {kind for kind in parent.__subclasses__() if kind.__module__ == errors.__name__}


class TreeTests(SynchronousTestCase):
    """Which error is a kind of which."""

    def test_tree(self) -> None:
        """The tree is the one that is drawn at the head of the module, and no more."""
        for parent, children in TREE.items():
            self.assertEqual(of_errors(parent), children, parent)
        drawn = set(TREE).union(*TREE.values())
        for leaf in drawn - set(TREE):
            self.assertEqual(of_errors(leaf), set(), leaf)

    def test_drawing(self) -> None:
        """Each class of the module is named in its drawing."""
        for name in errors.__all__:
            if name != "Reason":
                self.assertIn(name, str(errors.__doc__))

    def test_ours_is_not_theirs(self) -> None:
        """The caller's mistakes are no PeerError, so that no peer is blamed for them."""
        self.assertFalse(issubclass(LocalError, PeerError))
        self.assertFalse(issubclass(PeerError, LocalError))


class ReasonTests(SynchronousTestCase):
    """The one closed list."""

    def test_each_class_has_its_own(self) -> None:
        """A class of errors names its reason; for the end of a connection each error does."""
        for kind, reason in OWN_REASONS.items():
            self.assertEqual(kind.reason, Reason(reason), kind)
        told = set().union(*TREE.values()) - set(OWN_REASONS) - {StoreError}
        self.assertEqual(told, {PeerLost, ConnectFailed, Refused})

    def test_is_text(self) -> None:
        """A reason is text as it is: in logs, in JSON, on the command line."""
        self.assertEqual(f"{Reason.CLOSED_BY_PEER}", "closed-by-peer")
        self.assertEqual(Reason("closed-by-peer"), Reason.CLOSED_BY_PEER)
        for reason in Reason:
            self.assertEqual(reason.value, reason.name.lower().replace("_", "-"))


class MessageTests(SynchronousTestCase):
    """What errors say."""

    def test_malformed(self) -> None:
        """A malformed message tells its command and where in the frame it went wrong."""
        error = MalformedMessage("3 bytes behind the last field", command="ping", offset=32)
        self.assertEqual(str(error), "ping: 3 bytes behind the last field")
        self.assertEqual(
            (error.text, error.command, error.offset), ("3 bytes behind the last field", "ping", 32)
        )

    def test_malformed_header(self) -> None:
        """A fault that comes before any command is told without one."""
        error = WrongNetwork("magic 00000000 is another network's")
        self.assertEqual(str(error), "magic 00000000 is another network's")
        self.assertEqual((error.command, error.offset), ("", 0))

    def test_told_reasons(self) -> None:
        """The end of a connection, a failure to make one, and a refusal are told their reason."""
        for kind, reason in (
            (PeerLost, Reason.RESET),
            (ConnectFailed, Reason.DNS),
            (Refused, Reason.OBSOLETE),
        ):
            error = kind("no more", reason)
            self.assertEqual((str(error), error.reason), ("no more", reason))

    def test_refused(self) -> None:
        """A listener that refuses need not say why in a word of the list."""
        self.assertIs(Refused("not you").reason, Reason.REFUSED_BY_LISTENER)
