"""Tests of bloom filters, against what kaspad makes of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError
from peerproto.networks.kaspa import FilterLoad, OutPoint, Tx, TxIn, TxOut
from peerproto.networks.kaspa.bloom import UPDATE_ALL, BloomFilter, murmur3, pushed
from tests.kaspa_vectors import Entry, bloom, message_of

NATIVE = bytes(20)


def made(entry: Entry) -> BloomFilter:
    """A filter with what a vector puts in."""
    found = BloomFilter.sized(entry["elements"], entry["fp_rate"], entry["tweak"], entry["flags"])
    for data in entry["added"]:
        found.add(bytes.fromhex(data))
    return found


def filters() -> list[Entry]:
    """The vectors of filters."""
    return [entry for entry in bloom() if entry["kind"] == "filter"]


class VectorTests(SynchronousTestCase):
    """kaspad's filters."""

    def test_murmur3(self) -> None:
        """The hash is the same, for every length of a last block."""
        entries = [entry for entry in bloom() if entry["kind"] == "murmur3"]
        self.assertEqual((len(entries), len(filters()), len(bloom())), (14, 8, 22))
        for entry in entries:
            self.assertEqual(murmur3(entry["seed"], bytes.fromhex(entry["data"])), entry["hash"])

    def test_sizes(self) -> None:
        """A filter for so many elements and such a rate has so many bytes and hash functions."""
        for entry in filters():
            message = made(entry).message()
            sizes = len(message.filter), message.hash_funcs
            self.assertEqual(sizes, (entry["filter_length"], entry["hash_funcs"]), entry["label"])
            self.assertEqual((message.tweak, message.flags), (entry["tweak"], entry["flags"]))

    def test_bits(self) -> None:
        """What is put in sets the same bits."""
        for entry in filters():
            if entry["added"]:
                self.assertEqual(made(entry).message().filter.hex(), entry["filter"], entry["label"])

    def test_matches(self) -> None:
        """All that was put in is there, and other things exactly where kaspad finds them."""
        for entry in filters():
            found = made(entry)
            self.assertTrue(all(bytes.fromhex(data) in found for data in entry["added"]))
            for probe in entry["probes"]:
                self.assertEqual(bytes.fromhex(probe["data"]) in found, probe["match"], entry["label"])

    def test_golden_message(self) -> None:
        """A filter that a peer has loaded is the filter that we would load."""
        message = message_of("filterload-real-filter")
        assert isinstance(message, FilterLoad)
        self.assertEqual(BloomFilter.of(message).message(), message)


class FilterTests(SynchronousTestCase):
    """What a filter does."""

    def test_no_bytes(self) -> None:
        """A filter without bytes lets all through, and ends nobody; what is put in is no matter."""
        for hash_funcs in (0, 5):
            found = BloomFilter(b"", hash_funcs, 1)
            found.add(b"x")
            self.assertIn(b"y", found)
            self.assertEqual(found.message().filter, b"")

    def test_no_elements(self) -> None:
        """A filter for nothing has no size."""
        self.assertRaisesRegex(LocalError, "0 elements, at least 1", BloomFilter.sized, 0, 0.1, 1)

    def test_largest(self) -> None:
        """However much is to go in, a peer takes the filter."""
        message = BloomFilter.sized(10**9, 1e-30, 2**32 - 1).message()
        self.assertEqual(len(message.filter), 36_000)


class PushedTests(SynchronousTestCase):
    """What scripts push."""

    def test_all_forms(self) -> None:
        """Data is pushed in four forms; other operations push nothing."""
        script = b"\x51\x02ab\x76\x4c\x01c\x4d\x02\x00de\x4e\x01\x00\x00\x00f\xac"
        self.assertEqual(pushed(script), [b"ab", b"c", b"de", b"f"])

    def test_nothing(self) -> None:
        """What is empty is not pushed, and nothing is by a script that ends too soon."""
        for script in (b"", b"\x00\x4c\x00", b"\x01a\x02b", b"\x01a\x4d\x01", b"\x01a\x4e\xff\xff\xff\xff"):
            self.assertEqual(pushed(script), [], script)


class TransactionTests(SynchronousTestCase):
    """Which transactions a filter wants."""

    tx = Tx(
        1,
        [TxIn(OutPoint(b"\1" * 32, 3), b"\x03sig", 0)],
        [TxOut(1, b"\x51"), TxOut(2, b"\x76\x04hash\xac")],
        0,
        NATIVE,
    )

    def wants(self, *elements: bytes, flags: int = 0) -> tuple[bool, BloomFilter]:
        """Whether a filter of these wants the transaction."""
        found = BloomFilter.sized(10, 1e-9, 7, flags)
        for element in elements:
            found.add(element)
        return found.matches(self.tx), found

    def test_wanted(self) -> None:
        """It is wanted for its id, for what its scripts push, and for what it spends."""
        for element in (self.tx.tx_id, b"hash", b"sig", b"\1" * 32 + b"\3\0\0\0"):
            self.assertTrue(self.wants(element)[0], element)

    def test_unwanted(self) -> None:
        """It is not wanted for anything else; its hash is not what it is known by."""
        for element in (b"other", self.tx.tx_hash, b"\1" * 32, b"\x51"):
            self.assertFalse(self.wants(element)[0], element)

    def test_outputs_are_followed(self) -> None:
        """Who spends an output that has matched is wanted too, if the filter says so."""
        spends = OutPoint(self.tx.tx_id, 1)
        spender = Tx(1, [TxIn(spends, b"", 0)], [], 0, NATIVE)
        for flags in (0, UPDATE_ALL):
            _, found = self.wants(b"hash", flags=flags)
            self.assertEqual(found.matches(spender), flags == UPDATE_ALL)
