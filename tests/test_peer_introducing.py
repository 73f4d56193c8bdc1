"""Tests of what a factory is told of us, and what its peers say of it: every field of the references' Config."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher

from peerproto import PeerFactory, networks
from peerproto.errors import LocalError, PeerStalled, Reason, Refused
from peerproto.forms.conversation import Timing
from peerproto.networks import kaspa
from peerproto.networks.bitcoin import GetData, InvVect
from peerproto.peer.introducing import timing_of
from peerproto.testing import CALLED, CALLER, Pair, RawPeer, memory_factory
from tests.everywhere import WAYS
from tests.peer_case import HASHES, SHORT, PeerTestCase, regtest


class VersionTests(PeerTestCase):
    """What is said in versions."""

    def said(self, name: str, *, inbound: bool = False, **options: Any) -> Any:
        """The version that a peer sends, on a network in that way."""
        raw = RawPeer(memory_factory(WAYS[name], clock=self.clock, **options), inbound=inbound)
        self._raws.append(raw)
        if inbound:
            raw.send(raw.version())
        return raw.read()[0]

    def test_user_agent(self) -> None:
        """The user agent is put together of what it is built on, name, version and comments."""
        comments = ["one", "two"]
        for name in WAYS:
            version = self.said(
                name,
                user_agent="/base:1.0.0/",
                user_agent_name="node",
                user_agent_version="2.0.0",
                user_agent_comments=comments,
            )
            self.assertEqual(version.user_agent, "/base:1.0.0/node:2.0.0(one; two)/")

    def test_user_agent_that_is_cut(self) -> None:
        """Where only the base is said, since all of it is too long, the log has a warning."""
        heard: list[Any] = []
        globalLogPublisher.addObserver(heard.append)
        self.addCleanup(globalLogPublisher.removeObserver, heard.append)
        for name, warnings in (("n" * 200, 0), ("n" * 256, 1)):
            version = self.said("kaspad", user_agent_name=name, user_agent_version="1")
            self.assertEqual(name not in version.user_agent, bool(warnings))
            self.assertEqual([event["log_level"] for event in heard], [LogLevel.warn] * warnings)

    def test_user_agents_that_cannot_be(self) -> None:
        """Soter's versions have place for 240 bytes of it, not for 256: that is told when the factory is made."""
        soter = networks.named("soter-simnet")
        memory_factory(soter, user_agent="x" * 240)
        self.assertRaises(LocalError, memory_factory, soter, user_agent="x" * 241)
        self.assertRaises(LocalError, memory_factory, soter, user_agent_name="x", user_agent_version="1")
        self.assertRaises(LocalError, memory_factory, networks.named("decred-simnet"), user_agent="é")

    def test_nonce(self) -> None:
        """A nonce that is given is that of every version; it is ours all the same."""
        for name in WAYS:
            nonces = {self.said(name, nonce=0x1234).nonce for _ in range(2)}
            self.assertEqual(nonces, {0x1234})
        raw = self.raw(nonce=7, inbound=True)
        raw.send(raw.version(nonce=7))
        self.assertIsNone(raw.peer.ending)
        raw = self.raw(nonce=7)
        raw.send(raw.version(nonce=7))
        self.assertIs(self.why(raw).reason, Reason.SELF)
        self.assertRaises(LocalError, memory_factory, networks.named("neo-privnet"), nonce=1 << 32)

    def test_address_of_the_other_side(self) -> None:
        """What a peer that we call is told of its address can be given; who calls is told where it calls from."""

        def told(host: str, port: int) -> tuple[str, int] | None:
            self.assertEqual((host, port), (CALLED.host, CALLED.port))
            return ("2001:db8::7", 9)

        for name in set(WAYS) - {"neo-cli"}:
            for tell, seen in ((told, ("2001:db8::7", 9)), (lambda host, port: None, ("::", 0))):
                you = self.said(name, host_to_address=tell).addr_you
                self.assertEqual((you.ip, you.port), seen)
            you = self.said(name, host_to_address=told, inbound=True).addr_you
            self.assertEqual((you.ip, you.port), (CALLER.host, CALLER.port))

    def test_address_that_cannot_be_told(self) -> None:
        """If it fails the handshake fails, and a peer that has no host is not asked for."""

        def fail(host: str, port: int) -> tuple[str, int]:
            raise OSError("no such host")

        factory = memory_factory(regtest(), host_to_address=fail)
        self.assertIsNone(factory.introduce("/run/socket").other)
        raw = self.raw(host_to_address=fail)
        self.assertIs(self.why(raw).reason, Reason.LOCAL_ERROR)
        self.assertEqual(raw.read(), [])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_copies(self) -> None:
        """What the caller changes later in what was given changes nothing."""
        comments, tip, subnetwork = ["a"], bytearray(32), bytearray(20)
        network = kaspa.network("simnet", lets_partial_in=True)
        factory: Any = memory_factory(
            network,
            user_agent_name="n",
            user_agent_version="1",
            user_agent_comments=comments,
            tip=tip,
            subnetwork=subnetwork,
        )
        comments.append("b")
        tip[0] = subnetwork[0] = 1
        said = factory.introduce(None)
        self.assertTrue(said.user_agent.endswith("/n:1(a)/"))
        self.assertEqual((said.tip, said.subnetwork), (bytes(32), bytes(20)))

    def test_highest_version(self) -> None:
        """0 stands for the highest that the network has."""
        for name in WAYS:
            network = WAYS[name]
            self.assertEqual(
                memory_factory(network, protocol_version=0).protocol_version, network.protocol_version
            )


class SubnetworkTests(PeerTestCase):
    """The part of a network that is followed."""

    def test_told_and_judged(self) -> None:
        """Peers say theirs, and judge others by it, each factory its own."""
        network = kaspa.network("simnet", lets_partial_in=True)
        for outbound, inbound, ready in ((b"\1" * 20, b"\1" * 20, True), (b"\1" * 20, b"\2" * 20, False)):
            pair = Pair(network, outbound={"subnetwork": outbound}, inbound={"subnetwork": inbound})
            pair.deliver()
            self.assertEqual(pair.inbound.subnetwork, outbound)
            self.assertEqual(pair.inbound.ending is None, ready)
            if not ready:
                self.assertIsInstance(pair.inbound.ending, Refused)
            pair.cut()

    def test_none(self) -> None:
        """Where there are none, the caller is told."""
        for name in WAYS:
            error = self.assertRaises(LocalError, memory_factory, WAYS[name], subnetwork=bytes(20))
            self.assertIn("partial nodes" if name == "kaspad" else "has no subnetworks", str(error))
        network = kaspa.network("simnet", lets_partial_in=True)
        self.assertRaises(LocalError, memory_factory, network, subnetwork=bytes(19))


class SelectedTipTests(PeerTestCase):
    """Whether we have a peer's best block."""

    def test_asked(self) -> None:
        """The factory's function is asked for the peer's tip of the moment; without one nobody can tell."""
        ours = {HASHES[0]}
        pair = Pair(
            networks.named("kaspa-simnet"),
            outbound={"has_block": ours.__contains__},
            inbound={"tip": HASHES[0]},
        )
        self.assertIsNone(pair.outbound.selected_tip_known)
        pair.deliver()
        self.assertIs(pair.outbound.selected_tip_known, True)
        pair.outbound.update_selected_tip(HASHES[1])
        self.assertIs(pair.outbound.selected_tip_known, False)
        self.assertIsNone(pair.inbound.selected_tip_known)
        pair.cut()


class TimingTests(PeerTestCase):
    """Times that are given one by one."""

    def test_given(self) -> None:
        """They take the place of those of the network or of the timing; 0 leaves what is there."""
        self.assertEqual(timing_of(SHORT, idle=0, trickle=0, stalls=True), SHORT)
        for trickle, pair in ((2.0, (2.0, 2.0)), ((1.0, 3.0), (1.0, 3.0))):
            found = timing_of(SHORT, idle=9.0, trickle=trickle, stalls=False)
            self.assertEqual(found, replace(SHORT, idle=9.0, trickle=pair, stall_tick=0.0))
        factory = PeerFactory(regtest(), clock=self.clock, idle_timeout=9.0, timing=SHORT)
        self.assertEqual(factory.timing, replace(SHORT, idle=9.0))
        self.assertIs(PeerFactory(regtest(), clock=self.clock).timing, regtest().timing)

    def test_wrong(self) -> None:
        """Times are above 0, and the least stands first."""
        for options in (
            {"idle": -1.0},
            {"idle": float("nan")},
            {"trickle": -1.0},
            {"trickle": (0.0, 1.0)},
            {"trickle": (2.0, 1.0)},
        ):
            given: Any = {"idle": 0, "trickle": 0, "stalls": True, **options}
            self.assertRaises(LocalError, timing_of, Timing(), **given)

    def test_idle(self) -> None:
        """A peer that says nothing for that long is ended, to the second."""
        raw = self.ready(idle_timeout=40.0)
        self.let_pass(39)
        self.assertIsNone(raw.peer.ending)
        self.let_pass(2)
        self.assertIs(self.why(raw).reason, Reason.IDLE)

    def test_stalls(self) -> None:
        """Without the stall handler a request fails at its time, and its peer stays; with it the peer is ended."""
        for handled in (True, False):
            raw = self.ready(stall_handler=handled)
            asked = raw.peer.request(GetData([InvVect(2, HASHES[0])]))
            asked.addErrback(lambda failure: self.assertTrue(failure.check(PeerStalled)))
            self.let_pass(100)
            self.assertTrue(asked.called)
            self.assertEqual(raw.peer.ending is None, not handled)
