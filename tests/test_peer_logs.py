"""Tests of what goes into the log."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError
from peerproto.peer import logs
from peerproto.peer.logs import (
    MESSAGES,
    ROOT,
    TRACE,
    Logger,
    Quiet,
    is_logged,
    log_level,
    set_log_level,
    set_log_levels,
)


def keep_levels(case: SynchronousTestCase) -> None:
    """The test has levels of its own, that are none as yet."""
    case.patch(logs, "_levels", logs.default_levels())


class LevelTests(SynchronousTestCase):
    """Levels by namespace."""

    def setUp(self) -> None:
        keep_levels(self)

    def test_default(self) -> None:
        """Info and graver; messages and traces not."""
        for namespace in (ROOT, "peerproto.peer.protocol", MESSAGES, TRACE):
            self.assertEqual(log_level(namespace), "info")
            self.assertFalse(is_logged(namespace))
            self.assertTrue(is_logged(namespace, LogLevel.info))

    def test_below(self) -> None:
        """A level holds for what is below, unless that has its own; a trace always has."""
        set_log_level("peerproto", "debug")
        set_log_level("peerproto.test.one", "error")
        for namespace, level in (
            ("peerproto.peer.inbox", "debug"),
            ("peerproto.test", "debug"),
            ("peerproto.test.one.more", "error"),
            (MESSAGES, "debug"),
            (TRACE, "info"),
        ):
            self.assertEqual(log_level(namespace), level, namespace)

    def test_in_words(self) -> None:
        """As options have them."""
        set_log_levels(["peerproto=warn", "peerproto.peer=debug"])
        self.assertEqual([log_level("peerproto.node"), log_level("peerproto.peer.inbox")], ["warn", "debug"])
        error = self.assertRaises(LocalError, set_log_levels, ["debug"])
        self.assertEqual(
            str(error), "log level 'debug': NAMESPACE=LEVEL is asked, as in peerproto.messages=debug"
        )

    def test_wrong(self) -> None:
        """A mistake is told in one line."""
        for namespace, level, text in (
            ("peerproto", "loud", "log level 'loud' is none of debug, info, warn, error, critical"),
            ("twisted", "debug", "log namespace 'twisted' is not 'peerproto' or something below it"),
            (
                "peerprotocol",
                "debug",
                "log namespace 'peerprotocol' is not 'peerproto' or something below it",
            ),
        ):
            error = self.assertRaises(LocalError, set_log_level, namespace, level)
            self.assertEqual(str(error), text)


class LoggerTests(SynchronousTestCase):
    """A logger that asks first."""

    log = Logger("peerproto.test.logger")

    def setUp(self) -> None:
        keep_levels(self)
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def said(self) -> list[str]:
        """The lines that went into the log."""
        return [formatEvent(event) for event in self.events]

    def test_off(self) -> None:
        """What the level leaves out is not emitted at all."""
        log = Logger("peerproto.test.logger")
        log.debug("a {b}", b=1)
        log.info("c {d}", d=2)
        self.assertEqual(self.said(), ["c 2"])
        self.assertEqual(self.events[0]["log_namespace"], "peerproto.test.logger")

    def test_on(self) -> None:
        """A level that is set later counts."""
        log = Logger("peerproto.test.logger")
        set_log_level("peerproto.test.logger", "warn")
        log.info("no")
        log.warn("yes")
        set_log_level("peerproto.test.logger", "debug")
        log.debug("now")
        self.assertEqual(self.said(), ["yes", "now"])

    def test_of_a_module_and_of_a_class(self) -> None:
        """Its namespace is that of the module or the class, as with Twisted's."""
        self.assertEqual(Logger().namespace, __name__)
        self.assertEqual(self.log.namespace, f"{__name__}.LoggerTests")
        self.assertIsInstance(self.log, Logger)

    def test_failure(self) -> None:
        """Failures are logged like anything grave."""
        try:
            raise ValueError("x")
        except ValueError:
            Logger("peerproto.test").failure("it failed")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class QuietTests(SynchronousTestCase):
    """R32: repeated drops, at most one line a minute for an address, four at once."""

    def test_burst(self) -> None:
        """Four at once, then one a minute, which tells how many were left out."""
        quiet = Quiet()
        self.assertEqual([quiet.asks("a", 5.0) for _ in range(6)], [0, 0, 0, 0, None, None])
        self.assertIsNone(quiet.asks("a", 64.9))
        self.assertEqual([quiet.asks("a", 65.1), quiet.asks("a", 65.1)], [3, None])

    def test_rest(self) -> None:
        """Who has been silent for long enough has four again, and not more."""
        quiet = Quiet()
        for _ in range(5):
            quiet.asks("a", 0.0)
        self.assertEqual([quiet.asks("a", 9999.0) for _ in range(5)], [1, 0, 0, 0, None])

    def test_each_place(self) -> None:
        """One place does not silence another."""
        quiet = Quiet()
        for _ in range(5):
            quiet.asks("a", 0.0)
        self.assertEqual(quiet.asks("b", 0.0), 0)

    def test_bounded(self) -> None:
        """Of many places those are forgotten that were silent longest."""
        quiet = Quiet(burst=1, most=2)
        for place in ("a", "b", "a", "c"):
            quiet.asks(place, 0.0)
        self.assertEqual([quiet.asks("a", 0.0), quiet.asks("b", 0.0)], [None, 0])
