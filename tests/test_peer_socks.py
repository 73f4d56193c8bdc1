"""Tests of what is said to a SOCKS5 proxy."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import ConnectFailed, LocalError, Reason
from peerproto.peer.socks import Proxy, negotiation, proxy_at, target_of

PLAIN = Proxy("192.0.2.9")
SECRET = Proxy("192.0.2.9", 1080, b"me", b"pass")


class ProxyAtTests(SynchronousTestCase):
    """Where a proxy is, as text."""

    def test_right(self) -> None:
        """Host, port, user and password; both of the latter escaped as in URLs where they must be."""
        for text, proxy in {
            "socks5://192.0.2.9": Proxy("192.0.2.9", 1080),
            "socks5h://192.0.2.9:9050/": Proxy("192.0.2.9", 9050),
            "SOCKS5://[2001:db8::1]:1": Proxy("2001:db8::1", 1),
            "socks5://me:pass@tor:9050": Proxy("tor", 9050, b"me", b"pass"),
            "socks5://m%3Ae:p%40%ff%2f@tor": Proxy("tor", 1080, b"m:e", b"p@\xff/"),
        }.items():
            self.assertEqual(proxy_at(text), proxy, text)

    def test_wrong(self) -> None:
        """What is none is told in one line that has the form, and nothing of what may be a password."""
        for text in (
            *("", "192.0.2.9:1080", "socks4://x:1", "http://x:1", "socks5://", "socks5://:1080", "socks5:x"),
            *("socks5://x:0", "socks5://x:65536", "socks5://x:y", "socks5://[::1", "socks5://x:1/a"),
            *("socks5://x:1?a", "socks5://x:1#a", "socks5://hush@x:1", "socks5://hush:@x:1"),
            *(
                "socks5://:hush@x",
                f"socks5://{'h' * 256}:hush@x",
                f"socks5://a:{'h' * 256}@x",
                "socks5://a:hu/sh@x",
            ),
        ):
            words = str(self.assertRaises(LocalError, proxy_at, text))
            self.assertIn("the proxy is no socks5://[USER:PASSWORD@]HOST[:PORT]: ", words)
            self.assertEqual((words.count("\n"), words.count("hu")), (0, 0), text)

    def test_shown(self) -> None:
        """Shown are host and port, the password never."""
        self.assertEqual([str(proxy) for proxy in (SECRET, Proxy("::1", 2))], ["192.0.2.9:1080", "[::1]:2"])
        self.assertNotIn("pass", repr(SECRET))


class TargetTests(SynchronousTestCase):
    """To whom a proxy is to connect."""

    def test_kinds(self) -> None:
        """Addresses go as such, all other hosts by name."""
        onion = f"{'a' * 56}.onion"
        for host, wire in {
            "192.0.2.7": b"\1\xc0\0\2\7",
            "2001:db8::1": b"\4" + bytes.fromhex("20010db8000000000000000000000001"),
            "example.org": b"\3\x0bexample.org",
            onion: b"\3\x3e" + onion.encode(),
            "é.example": b"\3\x0fxn--9ca.example",
        }.items():
            self.assertEqual(target_of(host, 0x208D), wire + b"\x20\x8d", host)

    def test_no_names(self) -> None:
        """What cannot be the name of a host is the caller's mistake."""
        for host in ("", "a" * 256, "é..x", "\u00e9" * 200):
            self.assertRaises(LocalError, target_of, host, 1)


class NegotiationTests(SynchronousTestCase):
    """The talk itself."""

    def talk(self, answer: bytes, proxy: Proxy = PLAIN) -> tuple[bytes, bytes]:
        """What is said when these bytes come, and those of them that were not wanted."""
        said: list[bytes] = []
        steps = negotiation(said.append, proxy, target_of("192.0.2.7", 1))
        wanted = next(steps)
        try:
            while True:
                step, answer = answer[:wanted], answer[wanted:]
                self.assertEqual(len(step), wanted)
                wanted = steps.send(step)
        except StopIteration:
            return b"".join(said), answer

    def why(self, answer: bytes, proxy: Proxy = PLAIN) -> str:
        """Why it fails; the reason is always the proxy."""
        error = self.assertRaises(ConnectFailed, self.talk, answer, proxy)
        assert isinstance(error, ConnectFailed)
        self.assertIs(error.reason, Reason.PROXY)
        return str(error)

    def test_without_password(self) -> None:
        """One method is offered, and the target named; what comes behind the answer is the peer's."""
        asked = b"\5\1\0\5\1\0\1\xc0\0\2\7\0\1"
        self.assertEqual(self.talk(b"\5\0\5\0\0\1\0\0\0\0\0\0version"), (asked, b"version"))

    def test_bound_addresses(self) -> None:
        """The address that the proxy answers with may be of each kind; nobody looks at it."""
        for bound in (b"\1" + bytes(6), b"\4" + bytes(18), b"\3\4name\0\0", b"\3\0\0\0"):
            self.assertEqual(self.talk(b"\5\0\5\0\0" + bound + b"rest")[1], b"rest")

    def test_with_password(self) -> None:
        """User and password are told if the proxy wants them."""
        connected = b"\5\0\0\1" + bytes(6)
        hello, ask = b"\5\2\0\2", b"\5\1\0\1\xc0\0\2\7\0\1"
        self.assertEqual(self.talk(b"\5\2\1\0" + connected, SECRET)[0], hello + b"\1\2me\4pass" + ask)
        self.assertEqual(self.talk(b"\5\0" + connected, SECRET)[0], hello + ask)

    def test_not_let_in(self) -> None:
        """Each way not to be let in has its words."""
        self.assertEqual(self.why(b"\5\xff"), "it asks for a user and a password")
        self.assertEqual(self.why(b"\5\2"), "it asks for a user and a password")
        self.assertEqual(self.why(b"\5\xff", SECRET), "it wants neither a user and password nor nothing")
        self.assertEqual(self.why(b"\5\2\1\1", SECRET), "it does not accept our user and password")

    def test_not_connected(self) -> None:
        """Each refusal has its words, one that is not known its number."""
        found = [self.why(bytes((5, 0, 5, number, 0, 1))) for number in range(1, 10)]
        self.assertEqual(len(set(found)), 9)
        self.assertEqual((found[4], found[8]), ("refused: nothing listens there", "error 9"))

    def test_row_72_garbage(self) -> None:
        """Row 72: whatever speaks something else is no proxy."""
        for answer in (b"HT", b"\4\0", b"\5\0\4\0\0\1", b"\5\0\5\0\0\2"):
            self.assertEqual(self.why(answer), "it does not speak SOCKS5")
