"""Peers as a table, and a count as a line."""

from __future__ import annotations

import io

from peerproto.networks.bitcoin import GetHeaders, Ping
from peerproto.node.report import WIDEST, ProgressLine, columns, milliseconds, peer_table, shortened
from tests.node_case import NodeCase, bring, mined


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        """See io."""
        return True


class TableTests(NodeCase):
    """What is shown of peers."""

    def rows(self, *peers: object) -> dict[str, list[str]]:
        """The cells of a table by the first of their row."""
        lines = peer_table([peer.peer.snapshot() for peer in peers]).splitlines()  # type: ignore[attr-defined]
        cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines if line]
        return {row[0]: row[1:] for row in reversed(cells)}

    def test_two_peers(self) -> None:
        """Each peer has a column: who it is, its ping, its bytes, its messages received and sent by command."""
        node = self.node(mined(5))
        one = self.peer(node, user_agent="/one:1/", services=9, height=7)
        two = self.peer(node, inbound=True, user_agent="/two:2/", services=0, protocol_version=60001)
        one.send(bring(mined(5)), Ping(3))
        one.peer.ping()
        (ping,) = [message for message in one.read() if isinstance(message, Ping)]
        self.clock.advance(0.0125)
        one.send(node.network.pong(ping.nonce))  # type: ignore[call-arg]
        two.send(GetHeaders(70016, [], bytes(32)))
        self.clock.advance(0)
        rows = self.rows(one, two)
        self.assertEqual(rows["peer"], ["192.0.2.2:8333", "192.0.2.1:50001"])
        self.assertEqual(rows["direction"], ["outbound", "inbound"])
        self.assertEqual(rows["version"], ["70016 (spoken: 70016)", "60001 (spoken: 60001)"])
        self.assertEqual(rows["agent"], ["/one:1/", "/two:2/"])
        self.assertEqual(rows["services"], ["NETWORK WITNESS", "none"])
        self.assertEqual(rows["start height"], ["7", "0"])
        self.assertEqual(rows["ping"], ["12.50 ms", "-"])
        self.assertEqual(rows["headers"], ["1 / 0", "0 / 1"])
        self.assertEqual(rows["getheaders"], ["0 / 1", "1 / 1"])

    def test_before_the_handshake(self) -> None:
        """What is not known yet is a dash."""
        rows = self.rows(self.raw(self.node()))
        self.assertEqual([rows[name] for name in ("version", "agent", "start height", "ping")], [["-"]] * 4)

    def test_hostile_agent(self) -> None:
        """What a peer says of itself can neither steer a terminal nor break or spread the table."""
        node = self.node()
        hostile = self.peer(node, user_agent="\x1b[2J\r\nheaders  9 / 9\u202e", services=2**64 - 1)
        table = peer_table([hostile.peer.snapshot()])
        self.assertTrue(all(line.isprintable() and line.isascii() for line in table.splitlines()))
        self.assertIn(r"\x1b[2J\r\nheaders", table)
        long = self.peer(node, user_agent="x" * 256)
        self.assertEqual(self.rows(long)["agent"], ["x" * (WIDEST - 3) + "..."])
        width = max(map(len, peer_table([hostile.peer.snapshot(), long.peer.snapshot()]).splitlines()))
        self.assertLess(width, 3 * WIDEST)

    def test_no_peers(self) -> None:
        """Without peers the table has its first column."""
        self.assertIn("messages in / out", peer_table([]))

    def test_parts(self) -> None:
        """Cells stand below each other, latencies have a unit, long texts are cut."""
        self.assertEqual(columns([["a", "bb"], ["ccc", "d"]]), "a    bb\nccc  d")
        self.assertEqual(milliseconds(0.00123), "1.23 ms")
        self.assertEqual(shortened("x" * WIDEST), "x" * WIDEST)


class ProgressLineTests(NodeCase):
    """How far a count has come."""

    def test_terminal(self) -> None:
        """On a terminal one line is written over, and left at the end, once."""
        out = Terminal()
        line = ProgressLine(out)
        line.show(100, 2000)
        line.show(2000, 2000)
        line.end()
        line.end()
        shown = "\rheaders 100 of 2,000 (5 %)\x1b[K\rheaders 2,000 of 2,000 (100 %)\x1b[K\n"
        self.assertEqual(out.getvalue(), shown)

    def test_nothing_shown(self) -> None:
        """Where nothing was shown no empty line is left."""
        out = Terminal()
        ProgressLine(out).end()
        self.assertEqual(out.getvalue(), "")

    def test_elsewhere(self) -> None:
        """Elsewhere there is a line for each thousand, and one for how far it came, once."""
        out = io.StringIO()
        line = ProgressLine(out)
        for count in range(0, 2600, 100):
            line.show(count, 2500)
        lines = ["headers 1,000 of 2,500 (40 %)", "headers 2,000 of 2,500 (80 %)"]
        self.assertEqual(out.getvalue().splitlines(), lines)
        line.end()
        line.end()
        self.assertEqual(out.getvalue().splitlines(), [*lines, "headers 2,500 of 2,500 (100 %)"])
        line.show(3500, 3500)
        line.end()
        self.assertEqual(len(out.getvalue().splitlines()), 4)

    def test_total_that_is_wrong(self) -> None:
        """A total below the count, as a peer may have told it, is not shown; nor is one divided by zero."""
        out = io.StringIO()
        line = ProgressLine(out, every=0)
        line.show(7, 5)
        line.show(7, -1)
        line.show(0, 0)
        self.assertEqual(out.getvalue(), "headers 7 of 7 (100 %)\n" * 2)
