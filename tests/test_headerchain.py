"""Tests of the header chain: rules, branches, serving."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from peerproto.chain.rules import ChainRules, display, sha256d, target_of, work_of
from peerproto.errors import InvalidHeaders, LocalError, StoreError
from peerproto.networks import litecoin
from peerproto.networks.bitcoin import chains
from peerproto.node.headerchain import Added, HeaderChain, UnconnectedHeaders
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine

REGTEST = chains.REGTEST
CHANGING = replace(REGTEST, retarget=True, interval=8, timespan=8 * 600)
NOW = 1_700_000_000.0


def opened(rules: ChainRules = REGTEST, path: str = ":memory:") -> HeaderChain:
    return HeaderChain(HeaderStore(path, rules), rules, lambda: NOW)


def changed(header: bytes, *, time: int | None = None, bits: int | None = None, easy: bool = True) -> bytes:
    """A header with other fields and a proof of work of the easiest kind, or just none."""
    version, prev, root, old_time, old_bits = struct.unpack("<I32s32sII", header[:76])
    start = struct.pack("<I32s32sII", version, prev, root, time or old_time, bits or old_bits)
    nonce = 0
    while (int.from_bytes(sha256d(start + struct.pack("<I", nonce)), "little") < 1 << 255) is not easy:
        nonce += 1
    return start + struct.pack("<I", nonce)


class AddTests(SynchronousTestCase):
    """Headers that follow the tip."""

    def test_genesis_only(self) -> None:
        """A new chain has its genesis header, with its work."""
        chain = opened()
        self.assertEqual((chain.height, chain.tip, chain.work), (0, REGTEST.genesis_hash, 2))
        self.assertEqual(chain.header_at(0), REGTEST.genesis)

    def test_grows(self) -> None:
        """Valid headers raise height and work."""
        chain, headers = opened(), list(mine(REGTEST, 30))
        self.assertEqual(chain.add(headers[:10]), Added(10, 10, 0))
        self.assertEqual(chain.add(headers[10:]), Added(20, 30, 0))
        self.assertEqual((chain.tip, chain.work), (sha256d(headers[-1]), 62))
        self.assertEqual([chain.header_at(height) for height in range(1, 31)], headers)

    def test_nothing(self) -> None:
        """No headers are fine."""
        self.assertEqual(opened().add([]), Added(0, 0, 0))

    def test_known(self) -> None:
        """Known headers, genesis among them, are skipped."""
        chain, headers = opened(), list(mine(REGTEST, 9))
        chain.add(headers[:6])
        self.assertEqual(chain.add([REGTEST.genesis]), Added(0, 6, 0))
        self.assertEqual(chain.add(headers[2:6]), Added(0, 6, 0))
        self.assertEqual(chain.add(headers[2:]), Added(3, 9, 0))

    def test_unconnected(self) -> None:
        """Headers that begin after one we do not have raise an error of their own, and nothing changes."""
        chain, headers = opened(), list(mine(REGTEST, 9))
        first, before = display(sha256d(headers[4])), display(sha256d(headers[3]))
        text = f"^header {first} follows {before}, which is not known$"
        with self.assertRaisesRegex(UnconnectedHeaders, text):
            chain.add(headers[4:])
        self.assertEqual(chain.height, 0)
        self.assertEqual(chain.add(headers[:4] + headers[4:]).connected, 9)

    def test_retarget(self) -> None:
        """A chain whose bits change with each period is accepted, also if it is closed in between."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        headers = list(mine(CHANGING, 30, spacing=300))
        for end in range(3, 31, 3):
            store = HeaderStore(os.path.join(folder, "headers"), CHANGING)
            chain = HeaderChain(store, CHANGING, lambda: NOW)
            self.assertEqual(chain.add(headers[end - 3 : end]), Added(3, end, 0))
            store.close()
        works = [work_of(target_of(CHANGING.read(header).bits)) for header in [REGTEST.genesis, *headers]]
        chain = opened(CHANGING)
        chain.add(headers)
        self.assertEqual(chain.work, sum(works))
        self.assertGreater(works[-1], works[0] * 4)

    def test_litecoin(self) -> None:
        """Litecoin's proof of work is another hash than the one that names the block."""
        rules = litecoin.REGTEST
        chain, headers = opened(rules), list(mine(rules, 5))
        self.assertEqual(chain.add(headers), Added(5, 5, 0))
        self.assertEqual(chain.tip, sha256d(headers[-1]))

    def test_store_fails(self) -> None:
        """If the store cannot be written nothing has changed, and the same headers go in later."""
        store, headers = HeaderStore(":memory:", REGTEST), list(mine(REGTEST, 9))
        chain = HeaderChain(store, REGTEST, lambda: NOW)
        chain.add(headers[:4])
        working = self.patch(store, "_go_main", lambda db, headers: db.execute("SELECT no_such_thing"))
        with self.assertRaisesRegex(StoreError, ":memory:: no such column"):
            chain.add(headers[4:])
        self.assertEqual((chain.height, chain.tip), (4, sha256d(headers[3])))
        self.assertFalse(chain.contains(sha256d(headers[4])))
        working.restore()
        self.assertEqual(chain.add(headers[4:]), Added(5, 9, 0))


class InvalidTests(SynchronousTestCase):
    """Headers that break a rule: the error says where, what was seen and what is allowed."""

    def setUp(self) -> None:
        self.headers = list(mine(REGTEST, 20))
        self.chain = opened()

    def refused(self, bad: bytes, text: str, *, height: int = 16, now: float | None = None) -> None:
        """The bad header at this height is refused with this text, those before it stay."""
        pattern = f"^header {display(sha256d(bad))} at height {height} {text}$"
        with self.assertRaisesRegex(InvalidHeaders, pattern):
            self.chain.add([*self.headers[: height - 1], bad, *self.headers[height:]], now)
        self.assertEqual(self.chain.height, height - 1)

    def test_link(self) -> None:
        """Each header must follow the one before it in the message."""
        seen, allowed = display(sha256d(self.headers[15])), display(sha256d(self.headers[14]))
        self.refused(self.headers[16], f"follows {seen}, must follow {allowed}")

    def test_bits(self) -> None:
        """A header must have the bits that the network demands, no easier and no harder."""
        self.refused(changed(self.headers[15], bits=0x207FFFFE), "has bits 0x207ffffe, must have 0x207fffff")

    def test_bits_of_a_period(self) -> None:
        """Where bits change with the period, the old ones are refused in the new one."""
        self.chain = opened(CHANGING)
        self.headers = list(mine(CHANGING, 7, spacing=300))
        bad = changed(next(mine(REGTEST, 1, start=self.headers[6])))
        self.refused(bad, "has bits 0x207fffff, must have 0x20[0-9a-f]{6}", height=8)

    def test_work(self) -> None:
        """The proof of work must meet the target."""
        bad = changed(self.headers[15], easy=False)
        self.refused(bad, f"has proof of work {display(sha256d(bad))}, must have 7fffff0{{58}} or less")

    def test_median_time(self) -> None:
        """A header's time must be after the median of the eleven before it."""
        times = [REGTEST.read(header).timestamp for header in self.headers]
        bad = changed(self.headers[15], time=times[9])
        self.refused(bad, f"has time {times[9]}, must have {times[9] + 1} or later")
        good = changed(self.headers[15], time=times[9] + 1)
        self.assertEqual(self.chain.add([good]), Added(1, 16, 0))

    def test_timewarp(self) -> None:
        """Testnet4: a period may not begin long before the last header."""
        rules = replace(CHANGING, bip94=True)
        self.chain = opened(rules)
        self.headers = list(mine(rules, 6))
        self.headers += mine(rules, 1, start=self.headers[-1], height=6, spacing=7200)
        time = rules.read(self.headers[-1]).timestamp
        bad = changed(next(mine(CHANGING, 1, start=self.headers[-1], spacing=-601)), bits=0x207FFFFF)
        self.refused(bad, f"has time {time - 601}, must have {time - 600} or later", height=8)

    def test_future(self) -> None:
        """A header's time may be two hours ahead of the clock, not more."""
        time = REGTEST.read(self.headers[15]).timestamp
        text = f"has time {time}, must have {time - 1} or earlier, which is two hours from now"
        self.refused(self.headers[15], text, now=time - 7201 + 0.9)
        self.assertEqual(self.chain.add(self.headers[15:16], now=time - 7200), Added(1, 16, 0))

    def test_clock(self) -> None:
        """Without a time the chain asks its clock."""
        chain = HeaderChain(HeaderStore(":memory:", REGTEST), REGTEST, lambda: 1e9)
        with self.assertRaisesRegex(InvalidHeaders, "must have 1000007200 or earlier"):
            chain.add(self.headers)

    def test_size(self) -> None:
        """A header of another size is refused, as the first one and later."""
        for bad in (b"", self.headers[15] + b"\0"):
            text = f"has {len(bad)} bytes, must have 80$"
            with self.assertRaisesRegex(InvalidHeaders, f"^the first header {text}"):
                opened().add([bad])
            with self.assertRaisesRegex(InvalidHeaders, f"^header at height 16 {text}"):
                opened().add([*self.headers[:15], bad])


class BranchTests(SynchronousTestCase):
    """Branches and the choice between them."""

    def setUp(self) -> None:
        self.chain = opened()
        self.old = list(mine(REGTEST, 30))
        self.chain.add(self.old)
        self.new = list(mine(REGTEST, 30, start=self.old[9], height=10, salt=b"new"))

    def test_less_work(self) -> None:
        """A shorter branch is kept, but the main chain stays."""
        self.assertEqual(self.chain.add(self.new[:5]), Added(5, 30, 0))
        side = sha256d(self.new[4])
        self.assertEqual((self.chain.contains(side), self.chain.height_of(side)), (True, None))
        self.assertEqual(self.chain.tip, sha256d(self.old[-1]))

    def test_equal_work(self) -> None:
        """Of two branches with equal work the first seen stays."""
        self.assertEqual(self.chain.add(self.new[:20]), Added(20, 30, 0))
        self.assertEqual(self.chain.tip, sha256d(self.old[-1]))

    def test_reorganise(self) -> None:
        """A branch with more work takes the place of twenty headers at once."""
        self.assertEqual(self.chain.add(self.new[:21]), Added(21, 31, 20))
        self.assertEqual((self.chain.tip, self.chain.work), (sha256d(self.new[20]), 64))
        found = [self.chain.header_at(height) for height in (10, 11, 31)]
        self.assertEqual(found, [self.old[9], self.new[0], self.new[20]])
        self.assertEqual(self.chain.height_of(sha256d(self.old[10])), None)
        self.assertEqual(self.chain.add(self.new[21:]), Added(9, 40, 0))

    def test_reorganise_in_pieces(self) -> None:
        """A branch may come header by header, and the old one may win again."""
        added = [self.chain.add([header]) for header in self.new[:21]]
        self.assertEqual(added[-2:], [Added(1, 30, 0), Added(1, 31, 20)])
        more = list(mine(REGTEST, 2, start=self.old[-1], height=30))
        self.assertEqual([self.chain.add([header]) for header in more], [Added(1, 31, 0), Added(1, 32, 21)])
        self.assertEqual([self.chain.header_at(height) for height in range(1, 33)], self.old + more)

    def test_partly_invalid(self) -> None:
        """The chain goes over to the valid part of a branch whose end is not valid."""
        with self.assertRaises(InvalidHeaders):
            self.chain.add([*self.new[:25], self.new[26]])
        self.assertEqual((self.chain.height, self.chain.tip), (35, sha256d(self.new[24])))

    def test_fewer_but_harder(self) -> None:
        """Work decides, not height: a shorter branch with harder bits wins."""
        slow, fast = list(mine(CHANGING, 60, spacing=2400)), list(mine(CHANGING, 26, spacing=60))
        chain = opened(CHANGING)
        self.assertEqual(chain.add(slow), Added(60, 60, 0))
        self.assertEqual(chain.add(fast), Added(26, 26, 60))
        self.assertEqual(chain.after([sha256d(fast[-2])]), fast[-1:])
        self.assertRaises(LocalError, chain.header_at, 27)
        self.assertEqual(chain.add(slow), Added(0, 26, 0))

    def test_branch_has_its_own_bits(self) -> None:
        """The bits of a branch come from its own headers, also after the store was opened anew."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "headers")
        slow, fast = list(mine(CHANGING, 40, spacing=1200)), list(mine(CHANGING, 20, spacing=600))
        for piece in (slow, fast[:5], fast[5:12], slow[:3], fast[12:]):
            store = HeaderStore(path, CHANGING)
            HeaderChain(store, CHANGING, lambda: NOW).add(piece)
            store.close()
        chain = opened(CHANGING, path)
        self.addCleanup(chain._store.close)
        self.assertTrue(all(chain.contains(sha256d(header)) for header in slow + fast))


class ServeTests(SynchronousTestCase):
    """What peers ask for."""

    def setUp(self) -> None:
        self.chain = opened()
        self.headers = list(mine(REGTEST, 2100))
        self.chain.add(self.headers)
        self.side = next(mine(REGTEST, 1, start=self.headers[99], height=100, salt=b"side"))
        self.chain.add([self.side])

    def hash_at(self, height: int) -> bytes:
        return sha256d(self.chain.header_at(height))

    def test_locator(self) -> None:
        """The locator has ten headers in a row, then doubles its steps, and ends with genesis."""
        heights = [self.chain.height_of(block_hash) for block_hash in self.chain.locator()]
        apart = [2089, 2087, 2083, 2075, 2059, 2027, 1963, 1835, 1579, 1067, 43, 0]
        self.assertEqual(heights, [*range(2100, 2090, -1), *apart])

    def test_locator_of_a_short_chain(self) -> None:
        """However short the chain is, genesis comes once, last, and no hash twice."""
        for height in range(25):
            chain = opened()
            chain.add(self.headers[:height])
            locator = chain.locator()
            heights = [chain.height_of(block_hash) or 0 for block_hash in locator]
            self.assertEqual((heights[0], heights[-1]), (height, 0))
            self.assertEqual(heights, sorted(set(heights), reverse=True))
            self.assertEqual(heights[:10], list(range(height, -1, -1))[:10])

    def test_after(self) -> None:
        """After the newest locator hash that is on the main chain come at most 2000 headers."""
        locator = [b"x" * 32, self.hash_at(2095), self.hash_at(7)]
        self.assertEqual(self.chain.after(locator), self.headers[2095:])
        self.assertEqual(self.chain.after([self.hash_at(7)]), self.headers[7:2007])
        self.assertEqual(self.chain.after([self.hash_at(7)], most=3), self.headers[7:10])

    def test_after_unknown(self) -> None:
        """If no hash of the locator is on the main chain the answer begins after genesis."""
        self.assertEqual(self.chain.after([b"x" * 32, sha256d(self.side)], most=2), self.headers[:2])

    def test_after_tip(self) -> None:
        """After the tip comes nothing."""
        self.assertEqual(self.chain.after(self.chain.locator()), [])

    def test_stop(self) -> None:
        """The answer ends with the stop hash if that comes after its beginning, and is not longer for it."""
        begin = [self.hash_at(10)]
        self.assertEqual(self.chain.after(begin, self.hash_at(14)), self.headers[10:14])
        self.assertEqual(self.chain.after(begin, self.hash_at(11)), self.headers[10:11])
        self.assertEqual(self.chain.after(begin, self.hash_at(14), most=2), self.headers[10:12])
        self.assertEqual(self.chain.after(begin, self.hash_at(10), most=2), self.headers[10:12])
        self.assertEqual(self.chain.after(begin, sha256d(self.side), most=2), self.headers[10:12])

    def test_no_locator(self) -> None:
        """Without a locator the stop hash asks for that one header, on whatever branch."""
        self.assertEqual(self.chain.after([], self.hash_at(14)), self.headers[13:14])
        self.assertEqual(self.chain.after([], sha256d(self.side)), [self.side])
        self.assertEqual(self.chain.after([], b"x" * 32), [])
        self.assertEqual(self.chain.after([]), [])

    def test_look_up(self) -> None:
        """Headers are found by hash and height; to ask for a wrong height is the caller's mistake."""
        self.assertEqual(self.chain.height_of(self.hash_at(50)), 50)
        self.assertEqual(self.chain.height_of(b"x" * 32), None)
        found = [self.chain.contains(block_hash) for block_hash in (b"x" * 32, REGTEST.genesis_hash)]
        self.assertEqual(found, [False, True])
        for height in (-1, 2101):
            with self.assertRaisesRegex(LocalError, f"no header at height {height}, the chain has 0 to 2100"):
                self.chain.header_at(height)
