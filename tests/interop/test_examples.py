"""The examples run as they stand."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from .litecoind import Litecoind
from .ours import ROOT, Ours
from .waiting import SECONDS, within


def example(name: str) -> ModuleType:
    """An example as a module; none of them does anything when it is imported."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_first_peer(litecoind: Litecoind, ours: Ours, capsys: pytest.CaptureFixture[str]) -> None:
    """The first example asks a node all that the README shows."""
    await within(example("first_peer").visit(ours.reactor, litecoind.address), SECONDS)
    headers, first, second, ping, ended = capsys.readouterr().out.splitlines()
    assert headers == "400 headers"
    for height, line in ((1, first), (2, second)):
        shown = await within(litecoind.rpc("getblockhash", height), SECONDS)
        assert line == f"block {shown} has 1 transactions"
    assert ping.startswith("ping ") and ping.endswith(" ms")
    assert ended == "ended: local-close"


async def test_first_peer_as_a_program(litecoind: Litecoind, ours: Ours) -> None:
    """The same from the command line ends well."""
    process = ours.program(str(ROOT / "examples" / "first_peer.py"), litecoind.address)
    await within(process.when_ended(), SECONDS)
    assert process.code == 0, process.text()
    assert process.out.startswith(b"400 headers\n")
