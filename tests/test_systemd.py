"""Tests of what the service manager is told."""

from __future__ import annotations

import os
import socket
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.program import NodeProgram, StartFailed
from peerproto.node.systemd import READY, STOPPING, notify
from tests.node_case import NETWORK


class NotifyTests(SynchronousTestCase):
    """A manager that listens at a socket."""

    def manager(self, where: str) -> socket.socket:
        """Listens there."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listening.close)
        listening.bind(where)
        listening.settimeout(0)
        return listening

    def in_folder(self) -> str:
        """A path in a folder that goes with the test."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return os.path.join(folder.name, "notify")

    def test_told(self) -> None:
        """It is told at a path, or at an abstract name."""
        path, name = self.in_folder(), f"peerproto-test-{os.getpid()}"
        for bound, where in ((path, path), (f"\0{name}", f"@{name}")):
            manager = self.manager(bound)
            self.assertTrue(notify(READY, {"NOTIFY_SOCKET": where}))
            self.assertEqual(manager.recv(99), b"READY=1")

    def test_nobody(self) -> None:
        """Where there is none nothing happens."""
        for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:1"}):
            self.assertFalse(notify(READY, environment))
        self.assertFalse(notify(READY, {"NOTIFY_SOCKET": self.in_folder()}))

    def test_program(self) -> None:
        """A node tells it when it has started, and when it begins to stop; if it cannot start it says nothing."""
        path = self.in_folder()
        manager = self.manager(path)
        self.patch(os, "environ", {**os.environ, "NOTIFY_SOCKET": path})

        def program(**options: Any) -> NodeProgram:
            return NodeProgram(MemoryReactorClock(), NETWORK, leave=lambda code: None, **options)

        self.assertRaises(StartFailed, program(store="/nowhere/x.sqlite").startService)
        self.assertRaises(BlockingIOError, manager.recv, 99)
        node = program()
        node.startService()
        self.assertEqual(manager.recv(99).decode(), READY)
        self.successResultOf(node.stopService())
        self.assertEqual(manager.recv(99).decode(), STOPPING)
