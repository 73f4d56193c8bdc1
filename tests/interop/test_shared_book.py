"""Nodes that share a book on a real PostgreSQL server: as programs, and as services of this process."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs, formatEvent

from peerproto import Nonces
from peerproto.errors import LocalError
from peerproto.forms.gossip import Known
from peerproto.node.company import Company
from peerproto.node.pgbook import PgBook
from peerproto.node.places import Place
from peerproto.node.sharedbook import AHEAD

from .ours import TWISTD, Ours
from .postgres import Postgres, ask
from .processes import Process
from .test_company import NETWORK, place_of
from .waiting import until, within

NO_WAIT = "UPDATE peerproto_addresses SET not_before = 0, revision = revision + 60 * 1000000"
"""Nobody calls within 30 s of the last call; for tests of what else keeps a node from calling."""


class Town:
    """Nodes that wait to be called, and those that call them, each by its name."""

    def __init__(self, ours: Ours, url: str, folder: Path, homes: int) -> None:
        self._ours, self._url = ours, url
        listening = ["tcp:0:interface=127.0.0.1"]
        self.homes = [
            ours.service(network=NETWORK, listen=listening, services=1, nonces=Nonces()) for _ in range(homes)
        ]
        self._known = folder / "peers.txt"
        self._known.write_text("".join(f"{place_of(home)}\n" for home in self.homes))

    def options(self, name: str, outbound: int, *more: str) -> list[str]:
        words = ["--network", NETWORK.name, "--store", ":memory:", "--user-agent", f"/{name}/"]
        words += ["--book", self._url, "--book-every", "1", "--peers-file", str(self._known)]
        return [*words, "--outbound", str(outbound), *more]

    def node(self, name: str, outbound: int, *more: str) -> Process:
        """A program that looks for peers."""
        return self._ours.program(*TWISTD, *self.options(name, outbound, *more))

    def at_home(self, name: str) -> set[int]:
        """Which of the homes a node has called and is ready with."""
        found = set()
        for number, home in enumerate(self.homes):
            assert home.company is not None
            agents = [peer.user_agent for peer in home.company.manager.peers]
            assert len(set(agents)) == len(agents), "called twice by one node"
            found.update({number} if f"/{name}/" in agents else ())
        return found


async def test_different_peers(ours: Ours, url: str, tmp_path: Path) -> None:
    """Two nodes that share a book call different peers, and go on so."""
    town = Town(ours, url, tmp_path, homes=6 + AHEAD)
    town.node("first", 3)
    town.node("second", 3)
    await until(lambda: len(town.at_home("first")) == len(town.at_home("second")) == 3, "three for each")
    for _ in range(10):
        assert not town.at_home("first") & town.at_home("second")
        await deferLater(ours.reactor, 0.3)
    leased = ask(url, "SELECT lease_owner, count(*) FROM peerproto_addresses GROUP BY 1 ORDER BY 2")
    assert [many >= 3 for owner, many in leased if owner] == [True, True]


async def test_a_node_is_killed(ours: Ours, url: str, tmp_path: Path) -> None:
    """What a node had leased when it was killed is another's as soon as the leases have run out."""
    town = Town(ours, url, tmp_path, homes=5)
    dying = town.node("dying", 5)
    await until(lambda: len(town.at_home("dying")) == 5, "five for the first")
    leases = "SELECT min(lease_until) FROM peerproto_addresses WHERE last_try > 0 HAVING count(*) = 5"
    ((first,),) = await until(lambda: ask(url, leases), "what the first has called")
    ask(url, NO_WAIT)
    heir = town.node("heir", 5)
    await until(lambda: b"[peerproto" in heir.output, "the second")
    renewed = f"{leases} AND min(lease_until) > %s"
    await until(lambda: ask(url, renewed, first + timedelta(seconds=4)), "leases that are renewed")
    assert town.at_home("heir") == set()
    assert len(town.at_home("dying")) == 5
    dying.send_signal(signal.SIGKILL)
    await within(dying.when_ended(), 10, "its end")
    ((left,),) = ask(url, "SELECT max(lease_until) - clock_timestamp() FROM peerproto_addresses")
    assert left.total_seconds() <= 3
    ask(url, NO_WAIT)
    await until(lambda: len(town.at_home("heir")) == 5, "the second's inheritance")
    assert town.at_home("dying") == set()


async def test_restarted_in_the_middle(ours: Ours, postgres: Postgres, url: str, tmp_path: Path) -> None:
    """The node keeps its peers while the server is away, complains once for each round, and goes on afterwards."""
    town = Town(ours, url, tmp_path, homes=3)
    node = town.node("node", 2)
    await until(lambda: len(town.at_home("node")) == 2, "two peers")
    peers, begun = town.at_home("node"), ours.reactor.seconds()
    await postgres.stop()
    try:
        await until(lambda: node.text().count("is not reached") >= 2, "two complaints")
        complaints = node.text().count("is not reached")
        assert complaints <= ours.reactor.seconds() - begun + 2  # a round each second
        assert town.at_home("node") >= peers
    finally:
        await postgres.go_on()
    await until(lambda: "the shared book is reached again" in node.text(), "the server again")
    assert town.at_home("node") >= peers
    assert postgres.password not in node.text()
    node.send_signal(signal.SIGTERM)
    await within(node.when_ended(), 10, "the node's end")
    assert ask(url, "SELECT count(*) FROM peerproto_addresses WHERE lease_owner IS NOT NULL") == [(0,)]


async def test_a_server_that_is_down_at_the_start(ours: Ours, tmp_path: Path) -> None:
    """Exit code 1, and one line without the password."""
    town = Town(ours, "postgresql://me:secret@127.0.0.1:1/peers", tmp_path, homes=1)
    for program in (town.node("node", 1), ours.program("-m", "peerproto", "node", *town.options("node", 1))):
        await within(program.when_ended(), 20, "the node's end")
        said = [line for line in program.text().splitlines() if line.startswith("peernode: ")]
        assert program.code == 1
        assert len(said) == 1
        assert said[0].startswith("peernode: postgresql://me@127.0.0.1:1/peers: ")
        assert "Connection refused" in said[0]
        assert "secret" not in program.text()
        assert "Traceback" not in program.text()


async def test_a_node_that_does_not_start(ours: Ours, url: str) -> None:
    """A node that cannot bind its port lets go of the server, too."""
    taken = ours.service(network=NETWORK, listen=["tcp:0:interface=127.0.0.1"], nonces=Nonces())
    port = place_of(taken).rpartition(":")[2]
    with pytest.raises(LocalError, match="cannot listen"):
        ours.service(network=NETWORK, listen=[f"tcp:{port}:interface=127.0.0.1"], company={"book": url})
    connected = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'peerproto'"
    await until(lambda: ask(url, connected) == [(0,)], "the end of a connection")


async def test_a_server_that_hangs(ours: Ours, url: str, tmp_path: Path) -> None:
    """A node whose server does not answer goes on, and ends in time all the same."""
    town = Town(ours, url, tmp_path, homes=2)
    options = {"outbound": 1, "book": url, "book_every": 0.2, "peers_file": str(tmp_path / "peers.txt")}
    node = ours.service(network=NETWORK, user_agent="/node/", nonces=Nonces(), company=options)
    await until(lambda: len(town.at_home("node")) == 1, "a peer")
    with psycopg.connect(url) as db:
        db.execute("SELECT FROM peerproto_books FOR UPDATE")  # whoever writes waits for this
        await deferLater(ours.reactor, 1)
        assert len(town.at_home("node")) == 1
        with capturedLogs() as logs:
            await ours.stop(node)
    (said,) = [formatEvent(event) for event in logs if "is not reached" in formatEvent(event)]
    assert "lock timeout" not in said  # which is what the server says of itself, after 10 seconds


async def test_what_is_learned_at_work(ours: Ours, url: str, tmp_path: Path) -> None:
    """A node that has called nobody knows what the other has found, and whom that was told of."""
    town = Town(ours, url, tmp_path, homes=1)

    def node(name: str, outbound: int) -> Company:
        options = {
            "outbound": outbound,
            "book": url,
            "book_every": 0.2,
            "peers_file": str(tmp_path / "peers.txt"),
        }
        service = ours.service(network=NETWORK, user_agent=f"/{name}/", nonces=Nonces(), company=options)
        assert service.company is not None
        return service.company

    busy, idle = node("busy", 1), node("idle", 0)
    await until(lambda: town.at_home("busy") == {0}, "a call")
    host, port = place_of(town.homes[0]).split(":")
    busy.book.add([Known(host, 9, 1, int(ours.reactor.seconds()))], host)
    await until(lambda: idle.book.get(Place(host, 9)), "what the other was told of")
    await until(
        lambda: getattr(idle.book.get(Place(host, int(port))), "tries", 0) == 1, "what the other has called"
    )
    await ours.stop(town.homes.pop())
    await until(lambda: busy.book.ended or not busy.manager.peers, "the end of a connection")
    server = PgBook(url, NETWORK, "reader", 1)
    server.open(bytes(32))
    (ended,) = await until(lambda: server.history(host), "what has ended")
    server.close()
    assert (ended.port, ended.inbound, ended.reason) == (int(port), False, "closed-by-peer")
