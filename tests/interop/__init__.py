"""Tests against real nodes over real sockets on loopback: the only tests that wait for real time.

litecoind.py starts and ends a node, with rpc.py and processes.py; raw.py speaks to it without the library; ours.py
makes and ends what the library is made into; waiting.py sets limits; conftest.py has the fixtures.
A test here is a plain ``async def``, which conftest.py hands to pytest-twisted with a time limit; each await
in it stands in ``within``, for pytest-twisted itself ends no test that hangs. Without litecoind on PATH
these tests are skipped; with PEERPROTO_REQUIRE_NODES=1 in the environment they fail instead.
"""
