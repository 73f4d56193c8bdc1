"""Tests of lists of places to begin with."""

from __future__ import annotations

import os
from pathlib import Path

import peerproto
from peerproto import networks
from peerproto.errors import LocalError
from peerproto.node.groups import Groups, is_local_net
from peerproto.node.peersfile import Listed, fill, read_peers, shipped_peers
from peerproto.node.places import Place
from tests.book_case import NETWORK, NOW, FolderCase

MAINNET = networks.named(NETWORK)
SHIPPED = {
    "bitcoin-signet": (2, 0),
    "neo-mainnet": (5, 15),
    "neo-testnet": (5, 15),
    "neo-privnet": (4, 0),
    "neo-privnet-single": (1, 0),
    "soter-testnet": (2, 0),
}


class PeersFileTests(FolderCase):
    """A file of the user's."""

    def read(self, text: str | bytes) -> Listed:
        path = Path(self.folder, "peers.txt")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_peers(path, MAINNET)

    def test_lines(self) -> None:
        """Addresses and names, with and without port; remarks and empty lines say nothing."""
        listed = self.read(
            "# where to begin\n8.8.8.8:1\n\n  7.7.7.7   # without a port\r\n[2A01::1]:2\n2a01::2\nexample.org:3\nseed\n"
        )
        self.assertEqual(
            listed,
            Listed(
                [Place("8.8.8.8", 1), Place("7.7.7.7", 8333), Place("2a01::1", 2), Place("2a01::2", 8333)],
                [("example.org", 3), ("seed", 8333)],
            ),
        )

    def test_empty(self) -> None:
        """An empty file lists nothing."""
        self.assertEqual(self.read(""), Listed([], []))

    def test_mistakes(self) -> None:
        """A mistake is told in one line, with the number of its line."""
        for line, why in (
            ("two words", "'two words' is no HOST:PORT"),
            ("8.8.8.8:0", "'8.8.8.8:0' is no HOST:PORT: port 0, 1 to 65535 are allowed"),
            ("8.8.8.8:65536", "'8.8.8.8:65536' is no HOST:PORT: port 65536, 1 to 65535 are allowed"),
            ("8.8.8.8:http", "'8.8.8.8:http' is no HOST:PORT"),
            ("tcp:example.org:1", "'tcp:example.org:1' is no HOST:PORT"),
            ("[nonsense]:1", "'[nonsense]:1' is no HOST:PORT: At least 3 parts expected in 'nonsense'"),
        ):
            with self.assertRaises(LocalError) as caught:
                self.read(f"# first\n7.7.7.7\n{line}\n")
            self.assertEqual(str(caught.exception), f"{self.folder}/peers.txt, line 3: {why}")

    def test_not_text(self) -> None:
        """A file that is no text is told as well."""
        with self.assertRaisesRegex(LocalError, r"peers.txt, line 2: '\\x01.* is no HOST:PORT$"):
            self.read(b"7.7.7.7\n\1\xff \0\n")

    def test_no_file(self) -> None:
        """A file that is not there is named."""
        path = os.path.join(self.folder, "none")
        with self.assertRaisesRegex(LocalError, f"^{path}: No such file or directory$"):
            read_peers(path, MAINNET)


class ShippedTests(FolderCase):
    """The lists that come with the networks."""

    def test_all(self) -> None:
        """Each can be read, and all of its addresses can be stored in that network's book."""
        for name in networks.names():
            listed = shipped_peers(networks.named(name))
            self.assertEqual((len(listed.places), len(listed.names)), SHIPPED.get(name, (0, 0)), name)
            groups = Groups(local=is_local_net(name))
            self.assertEqual(
                [groups.host(place.host) for place in listed.places], [p.host for p in listed.places]
            )

    def test_files(self) -> None:
        """There is no list of a network that does not exist."""
        folder = Path(peerproto.__file__).parent / "node" / "peers"
        self.assertEqual({path.name for path in folder.iterdir()}, {f"{name}.txt" for name in SHIPPED})


class FillTests(FolderCase):
    """An empty book."""

    def test_filled(self) -> None:
        """It takes what can be called, and a book that is not empty takes nothing."""
        listed = Listed([Place("8.8.8.8", 1), Place("7.7.7.7", 2), Place("127.0.0.1", 3)], [("seed", 8333)])
        self.assertEqual(fill(self.book, listed, NOW), 2)
        self.assertEqual({entry.place for entry in self.book}, set(listed.places[:2]))
        self.assertEqual({entry.source for entry in self.book}, {"peers-file"})
        self.assertEqual(fill(self.book, Listed([Place("6.6.6.6", 1)], []), NOW), 0)
        self.assertEqual(self.book.counts["unroutable"], 1)
