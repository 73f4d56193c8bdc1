"""Tests of seeds that are asked by HTTPS: a real client and a real server over a wire in memory."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseFailed
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer
from zope.interface.verify import verifyObject

from peerproto.errors import ConnectFailed, Reason
from peerproto.forms.gossip import Known
from peerproto.node.entries import DAY
from peerproto.node.httpseeds import (
    MOST_BODY,
    MOST_LINE,
    TIMEOUT,
    HttpSeeds,
    Told,
    _Body,
    _Unpacked,
    read_nodes,
)
from peerproto.node.seeding import MOST, SeedFailed
from tests.book_case import NOW


def line(host: Any = "8.8.8.8:9108", services: Any = 1, pver: Any = 10) -> bytes:
    """A node as a seeder tells of it."""
    return json.dumps({"host": host, "services": services, "pver": pver}).encode() + b"\n"


class Seeder(Resource):
    """A server that does what the test says, and remembers the requests."""

    isLeaf = True

    def __init__(self, serve: Callable[[Any], Any]) -> None:
        super().__init__()
        self.serve = serve
        self.requests: list[Any] = []

    def render(self, request: Any) -> Any:
        self.requests.append(request)
        return self.serve(request)


@implementer(IAgent)
class Broken:
    """An agent whose requests fail."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def request(self, *_: Any) -> Deferred[Any]:
        """See IAgent."""
        return fail(self.error)


class HttpCase(SynchronousTestCase):
    """A seeder, and who asks it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.body = line()
        self.seeder = Seeder(lambda request: self.body)
        self.agent: Any = RequestTraversalAgent(self.seeder)

    def ask(self, agent: Any = None) -> Deferred[list[Known]]:
        seeds = HttpSeeds(
            agent or self.agent,
            self.clock,
            services=1,
            least_version=6,
            now=lambda: NOW,
            random=lambda: 0.25,
        )
        return seeds.ask("seed.example.org")

    def why(self, asking: Deferred[Any]) -> str:
        text = str(self.failureResultOf(asking, SeedFailed).value)
        self.assertEqual((self.clock.getDelayedCalls(), len(text.splitlines())), ([], 1))
        return text


class AnswerTests(HttpCase):
    """What a seeder answers."""

    def test_nodes(self) -> None:
        """A node a line; who is too old to be spoken with is left out."""
        self.body = line() + line("[2a01::1]:19108", 5, 9) + line("7.7.7.7:1", 1, 5)
        found = self.successResultOf(self.ask())
        seen = int(NOW - 4 * DAY)
        self.assertEqual(found, [Known("8.8.8.8", 9108, 1, seen), Known("2a01::1", 19108, 5, seen)])
        (request,) = self.seeder.requests
        self.assertEqual((request.method, request.uri), (b"GET", b"/api/addrs?services=1"))
        self.assertEqual(request.getHeader("host"), "seed.example.org")
        self.assertEqual(request.getHeader("accept-encoding"), "identity")

    def test_garbage(self) -> None:
        """Lines that make no sense are skipped; an answer of nothing else has failed, and says how many."""
        self.body = b"<html>\n\n" + line() + b"{}\n[1, 2]\nnull\n" + line("seed.example.org:1")
        self.assertEqual(len(self.successResultOf(self.ask())), 1)
        self.body = b"<html>\n<body>" + line(pver=1)
        self.assertEqual(self.why(self.ask()), "it tells of no nodes: 0 are too old, 2 lines make no sense")
        self.body = line(pver=1)
        self.assertEqual(self.why(self.ask()), "it tells of no nodes: 1 are too old, 0 lines make no sense")
        self.body = b""
        self.assertIn("no nodes", self.why(self.ask()))

    def test_many(self) -> None:
        """Of many so many count."""
        self.body = b"".join(line(f"8.8.8.8:{port}") for port in range(1, 1000))
        self.assertEqual(len(self.successResultOf(self.ask())), MOST)

    def test_too_long(self) -> None:
        """Of an answer that is too long the beginning counts, but for the line that is cut off."""
        self.body = line() + b"x" * (MOST_BODY - len(line()) - 10) + b"\n" + line("7.7.7.7:7")
        found = self.successResultOf(self.ask())
        self.assertEqual([known.host for known in found], ["8.8.8.8"])
        self.body = line() * 2 * (MOST_BODY // len(line()))
        self.assertEqual(len(self.successResultOf(self.ask())), MOST)
        self.body = b"x" * 10 * MOST_BODY
        self.assertIn("no nodes", self.why(self.ask()))

    def test_does_not_stop(self) -> None:
        """What still comes after the end that we have made of it is not kept."""
        transport = StringTransport()
        body = _Body(SimpleNamespace(deliverBody=lambda protocol: protocol.makeConnection(transport)))
        for _ in range(20):
            body.dataReceived(b"x" * MOST_BODY)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(len(body._data), 2 * MOST_BODY)

    def test_status(self) -> None:
        """An answer that is none is said, and its body not looked at."""
        for code in (204, 404, 500):
            self.seeder.serve = lambda request, code=code: request.setResponseCode(code) or line()  # type: ignore[misc]
            self.assertEqual(self.why(self.ask()), f"it answers with status {code}, only 200 is good")

    def test_redirect(self) -> None:
        """Who sends us elsewhere is not followed."""

        def redirect(request: Any) -> bytes:
            request.redirect(b"https://127.0.0.1/api/addrs")
            return b""

        self.seeder.serve = redirect
        self.assertEqual(self.why(self.ask()), "it answers with status 302, only 200 is good")
        self.assertEqual(len(self.seeder.requests), 1)

    def test_packed(self) -> None:
        """What is packed is not unpacked: a thousand times as much may be in it."""

        def pack(request: Any) -> bytes:
            request.setHeader("content-encoding", "gzip")
            return gzip.compress(line() * 100_000)

        self.seeder.serve = pack
        self.assertEqual(self.why(self.ask()), "its answer is packed, and was not asked for so")

    def test_slow(self) -> None:
        """An answer that never comes, or never ends, is waited for so long; the connection is cut then."""
        for begun in (True, False):

            def serve(request: Any, begun: bool = begun) -> int:
                if begun:
                    request.write(line())
                return NOT_DONE_YET

            self.seeder.serve = serve
            asking = self.ask()
            self.agent.flush()
            self.clock.advance(TIMEOUT - 1)
            self.assertNoResult(asking)
            self.clock.advance(1)
            self.agent.flush()
            self.assertEqual(self.why(asking), "no answer in 60 seconds")
            self.assertEqual(self.agent._pumps, set())

    def test_cancelled(self) -> None:
        """It may be cancelled, on the way there too."""
        self.seeder.serve = lambda request: NOT_DONE_YET
        asking = self.ask()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        asking = self.ask(Broken(ConnectingCancelledError(None)))
        self.failureResultOf(asking, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_there(self) -> None:
        """Why nobody could be asked is said in one line."""
        for error, text in (
            (DNSLookupError("x"), "there is no such host"),
            (ConnectError(string="nothing"), "no way there: "),
            (
                ConnectFailed("by the proxy 127.0.0.1:9050: it hung up", Reason.PROXY),
                "by the proxy 127.0.0.1:9050",
            ),
            (
                ResponseFailed([Failure(ValueError("nonsense"))]),
                "its answer cannot be read: ValueError: nonsense",
            ),
        ):
            self.assertIn(text, self.why(self.ask(Broken(error))))

    def test_interfaces(self) -> None:
        """What treq calls is what it says to be."""
        self.assertTrue(verifyObject(IAgent, _Unpacked(self.agent)))


class LineTests(SynchronousTestCase):
    """Lines, one by one."""

    def test_values(self) -> None:
        """Each part is what it must be, or the line does not count."""
        for good in ({}, {"host": "[::1]:1"}, {"services": 2**64 - 1}, {"pver": 0}):
            self.assertEqual(read_nodes(line(**good))[1], 0, good)
        hosts = ["8.8.8.8", "8.8.8.8:0", "8.8.8.8:65536", "::1", "[::1]", "a.b:1", "", None, 7, ["8.8.8.8:1"]]
        numbers: list[Any] = [-1, 1.5, "1", None, True, [], 2**64]
        wrong = [{"host": host} for host in hosts] + [{"services": number} for number in numbers]
        wrong += [{"pver": number} for number in [*numbers, 2**32]]
        for bad in wrong:
            self.assertEqual(read_nodes(line(**bad)), ([], 1), bad)

    def test_bytes(self) -> None:
        """Nothing that is no JSON, nests without end, or is too long makes more than a line that does not count."""
        deep, long = b"[" * (MOST_LINE - 1), line()[:-2] + b" " * MOST_LINE + b"}"
        digits = b'{"host": "8.8.8.8:1", "pver": 1, "services": ' + b"9" * 900 + b"}"
        for nonsense in (b"\xff\xfe", b"{", b"NaN", b'"x"', deep, long, digits, b"\0"):
            self.assertEqual(read_nodes(nonsense), ([], 1))
        self.assertEqual(
            read_nodes(b"\n \r\n" + line().replace(b"\n", b"\r\n")), ([Told("8.8.8.8", 9108, 1, 10)], 0)
        )

    @settings(max_examples=200)
    @given(
        st.binary(max_size=300) | st.lists(st.sampled_from([line(), b"{", b"\n", b"[", b"0"])).map(b"".join)
    )
    def test_any_bytes(self, body: bytes) -> None:
        """Whatever comes, each line is a node or is counted."""
        told, skipped = read_nodes(body)
        self.assertEqual(len(told) + skipped, sum(bool(each.strip()) for each in body.split(b"\n")))
