"""Tests of peerproto; those against real nodes stand in `interop`."""
