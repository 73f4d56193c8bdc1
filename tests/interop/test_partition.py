"""Nodes that lose each other, each half with a chain of its own, and find each other again: three processes, by their
options alone."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, gatherResults

from .halves import Forwarders, Halves, Namespaces, NotAllowed
from .ours import Ours
from .processes import Process
from .waiting import until

NETWORK = "bitcoin-regtest"
QUICK = ("--ping-interval=1", "--idle-timeout=5", "--handshake-timeout=5", "--grace=1")
KNOWS = {"third": "first", "first": "third", "second": "first"}
"""Whom each has heard of before it starts, in the order of their starts; of the others it hears from these."""

FINDING = 90.0
"""Seconds for anything that needs a call: whom one has not reached is not called again for half a minute, and then by
chance."""


class Nodes:
    """Three nodes, two of them in one half; the first one of each half mines."""

    def __init__(self, halves: Halves, folder: Path) -> None:
        self._halves = halves
        self._folder = folder
        self.processes: dict[str, Process] = {}

    async def start(self) -> None:
        """Let all run; who is called first listens by then."""
        for name in KNOWS:
            process = self.processes[name] = self._start(name)
            await until(lambda: b"accepting peers" in process.output, f"the start of {name}")  # noqa: B023

    def _start(self, name: str) -> Process:
        peers = self._folder / f"{name}.txt"
        peers.write_text(self._halves.place(KNOWS[name], name) + "\n")
        options = [
            f"--network={NETWORK}",
            f"--listen={self._halves.endpoint(name)}",
            "--outbound=3",
            f"--peers-file={peers}",
            f"--book={self._folder / name}.book",
            f"--store={self._folder / name}.headers",
            f"--user-agent=/{name}/",
            *QUICK,
        ]
        program = ["peerproto", "node"] if name == "second" else ["tests.interop.miner"]
        return self._halves.program(name, "-m", *program, *options)

    def mine(self, name: str, count: int) -> None:
        """A node gets so many headers, which nobody else has."""
        self.processes[name].transport.write(f"{count} {name}\n".encode())  # type: ignore[union-attr]

    def met(self, name: str, other: str) -> int:
        """How often a node has shaken hands with another, whoever called."""
        return len(re.findall(rf"is ready: /{other}/", self.processes[name].text()))

    def has_lost(self, name: str, other: str) -> bool:
        """Whether a node that had called another has ended it, since nothing comes."""
        where = re.escape(self._halves.place(other, name))
        return re.search(rf"{where} \(outbound\) ended: idle", self.processes[name].text()) is not None

    def stands(self, name: str) -> tuple[int, str]:
        """Height and tip of its chain, as it told them last."""
        told = re.findall(r"height (\d+)[^,\n]*, tip (\w+)", self.processes[name].text())
        return (int(told[-1][0]), told[-1][1]) if told else (0, "")

    def heights(self) -> list[int]:
        """Of the first, the second and the third."""
        return [self.stands(name)[0] for name in ("first", "second", "third")]

    def logs(self) -> str:
        """All that they have logged."""
        return "\n".join(f"== {name}\n{process.text()}" for name, process in self.processes.items())


async def part_and_heal(nodes: Nodes, halves: Halves) -> None:
    """The story that both ways of parting tell."""
    pairs = (("first", "third"), ("second", "first"), ("second", "third"))
    await nodes.start()
    await until(lambda: all(nodes.met(*pair) for pair in pairs), "that all meet", FINDING)
    nodes.mine("first", 2)
    await until(lambda: nodes.heights() == [2, 2, 2], "a chain of all", FINDING)
    await halves.cut()
    nodes.mine("first", 3)
    nodes.mine("third", 5)
    await until(lambda: nodes.heights() == [5, 5, 7], "a chain of each half", FINDING)
    assert nodes.stands("first") == nodes.stands("second")
    await until(lambda: nodes.has_lost("first", "third"), "an end of what is not answered", FINDING)
    before = nodes.met("first", "third")
    await halves.heal()
    await until(lambda: nodes.met("first", "third") > before, "that both halves meet again", FINDING)
    await until(lambda: nodes.heights() == [7, 7, 7], "one chain of all", FINDING)
    assert len({nodes.stands(name) for name in KNOWS}) == 1
    for name in ("first", "second"):
        assert "reorganised: 3 headers" in nodes.processes[name].text()
    assert "reorganised" not in nodes.processes["third"].text()


async def tell(halves: Halves, folder: Path) -> None:
    """The whole story; if it goes wrong, with what all have logged."""
    folder.mkdir()
    nodes = Nodes(halves, folder)
    try:
        await part_and_heal(nodes, halves)
    except TimeoutError as error:
        raise AssertionError(f"{type(halves).__name__}: {error}\n{nodes.logs()}") from error
    finally:
        await halves.close()


@pytest.mark.limit(170)
async def test_partition(ours: Ours, tmp_path: Path) -> None:
    """Each half goes on with its own chain; when they can reach each other again they find each other, and the chain
    with the most work is that of both. By all ways of parting them that there are, at the same time."""
    ways: list[Halves] = [Forwarders(ours), Namespaces(ours)]
    try:
        await ways[1].start()
    except NotAllowed as error:
        warnings.warn(f"without network namespaces: {error}", stacklevel=1)
        ways.pop()
    await ways[0].start()
    stories = [Deferred.fromCoroutine(tell(way, tmp_path / type(way).__name__)) for way in ways]
    await gatherResults(stories, consumeErrors=True)


@pytest.mark.parametrize("missing", [False, True])
async def test_not_allowed(
    missing: bool, ours: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there can be no namespaces it is said why."""
    for name in () if missing else ("unshare", "nsenter", "ip"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho unshare: Operation not permitted\nexit 1\n")
        program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}" if missing else f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(NotAllowed, match="no unshare on PATH" if missing else "Operation not permitted"):
        await Namespaces(ours).start()
