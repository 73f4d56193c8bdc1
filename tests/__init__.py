"""Tests of peerproto; those against real nodes stand in `interop`."""

from hypothesis import settings

settings.register_profile("peerproto", deadline=None)  # that a machine is busy is no failure
settings.load_profile("peerproto")
