"""The references' TestPeerListeners: each kind of message, sent by one side, is heard by its own listener.

Theirs look at one channel for all; here each listener is looked at, and none may hear what is not its own.
"""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from peerproto import Judge
from peerproto.testing import Pair
from peerproto.wire.message import Message
from tests import test_reference_rows_wire as wire
from tests.everywhere import WAYS
from tests.reference_rows import names


class ListenerCase(SynchronousTestCase):
    """Two peers, of which one listens.

    :cvar way: of both. :cvar rows: whose messages are sent: those that the reference has written.
    :cvar commands: what the row sends. :cvar unlike: what it leaves out and we have.
    """

    way: ClassVar[str]
    rows: ClassVar[type[wire.WireRowCase]]
    commands: ClassVar[list[str]]
    unlike: ClassVar[list[str]] = []

    def message(self, command: str) -> Message:
        """A message of this kind, of the newest version that has it."""
        _, codec, frame = max(self.rows.entries(command), key=lambda each: int(each[0]["pver"]))
        return codec.decode(frame)

    def check(self, **options: Any) -> None:
        """Send each, and look who hears it."""
        both = {"services": 4, "judge": Judge(10_000), **options}
        pair = Pair(WAYS[self.way], outbound=both, inbound=both)
        pair.deliver()
        heard: list[tuple[str, str]] = []
        for command in (*self.commands, *self.unlike):
            pair.inbound.hear(command, lambda _, got, command=command: heard.append((command, got.command)))
        for command in (*self.commands, *self.unlike):
            heard.clear()
            pair.outbound.send(self.message(command), expect=False)
            pair.deliver()
            self.assertEqual((heard, pair.inbound.ending), ([(command, command)], None))
        pair.cut()


class BtcdRows(ListenerCase):
    """btcd's 25, and those that it lacks."""

    way, rows = "btcd", wire.BtcdWireRows
    commands = names(
        """
        getaddr addr ping pong mempool tx block inv headers notfound getdata getblocks getheaders getcfilters
        getcfheaders getcfcheckpt cfilter cfheaders feefilter filteradd filterclear filterload merkleblock reject
        sendheaders addrv2
        """
    )
    unlike = names("cfcheckpt alert cmpctblock sendcmpct getblocktxn blocktxn")

    def test_peer_listeners(self) -> None:
        """TestPeerListeners."""
        self.check()


class DecredRows(ListenerCase):
    """dcrd's 28, but for the addr that its version has no more; and the mix messages."""

    way, rows = "dcrd", wire.DecredWireRows
    commands = names(
        """
        getaddr addrv2 ping pong mempool tx block inv headers notfound getdata getblocks getheaders getcfilter
        getcfheaders getcftypes cfilter cfheaders cftypes feefilter sendheaders getcfilterv2 cfilterv2 getinitstate
        initstate getcfsv2 cfiltersv2
        """
    )
    unlike = names(
        "mixpairreq mixkeyxchg mixcphrtxt mixslotres mixfactpoly mixdcnet mixconfirm mixsecrets getminings miningstate"
    )

    def test_peer_listeners(self) -> None:
        """TestPeerListeners."""
        self.check()


class DecredAddr(ListenerCase):
    """What went with version 12."""

    way, rows, commands = "dcrd", wire.DecredWireRows, ["addr"]

    def test_peer_listeners(self) -> None:
        """TestPeerListeners, OnAddr."""
        self.check(protocol_version=11)


class SoterRows(ListenerCase):
    """soterd's 26, and those that it leaves out."""

    way, rows = "soterd", wire.SoterWireRows
    commands = names(
        """
        getaddr addr ping pong alert mempool tx block inv headers notfound getdata getblocks getheaders getcfilters
        getcfheaders getcfcheckpt cfilter cfheaders feefilter filteradd filterclear filterload merkleblock reject
        sendheaders
        """
    )
    unlike = names("getaddrcache addrcache cfcheckpt")

    def test_peer_listeners(self) -> None:
        """TestPeerListeners."""
        self.check()


class KaspaRows(ListenerCase):
    """kaspad's 16, and those that it leaves out."""

    way, rows = "kaspad", wire.KaspaWireRows
    commands = names(
        """
        getaddr addr ping pong tx block inv notfound getdata getblockinvs feefilter filteradd filterclear filterload
        merkleblock reject
        """
    )
    unlike = names("getlocator locator getseltip selectedtip")

    def test_peer_listeners(self) -> None:
        """TestPeerListeners."""
        self.check()
