"""Tests against real nodes over real sockets on loopback: the only tests that wait for real time.

litecoind.py starts and ends a node, with rpc.py and processes.py; neo.py does so with one of NEO (neo_node.cjs);
raw.py speaks to them without the library; ours.py makes and ends what the library is made into, miner.py a node that
mines; halves.py parts a network; waiting.py sets limits; conftest.py has the fixtures.
A test here is a plain ``async def``, which conftest.py hands to pytest-twisted with a time limit; each await
in it stands in ``within``, for pytest-twisted itself ends no test that hangs. Without litecoind on PATH, or what
neo.py names as missing, the tests that need it are skipped; with PEERPROTO_REQUIRE_NODES=1 in the environment they
fail instead.
"""
