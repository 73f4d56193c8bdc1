"""What a peer makes of things, in the log at level debug, beside the messages: what is owed, what is left out and why.

The Go peers log the same at debug or trace (dcrd peer/peer.go). Whether a peer has notes is decided when it is made, as
it is of its messages (see `peerproto.peer.tracing`); without them it pays a look at an attribute, and that seldom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerproto.peer.logs import Logger, is_logged

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

_log = Logger()


class Notes:
    """Logs what is noted of one peer, each in one line."""

    def __init__(self, peer: PeerProtocol) -> None:
        self._peer = peer

    def spoken(self, theirs: int, ours: int, common: int) -> None:
        """The protocol versions that both announce, and the one that is spoken."""
        self._say(
            "announces protocol version {theirs}, we {ours}: {common} is spoken",
            theirs=theirs,
            ours=ours,
            common=common,
        )

    def owed(self, command: str, seconds: float) -> None:
        """An answer is owed."""
        self._say("owes an answer to {command} within {seconds:g} seconds", command=command, seconds=seconds)

    def overdue(self, what: str) -> None:
        """It has not come: who waited for it is told."""
        self._say("has not answered {what} in time", what=what)

    def repeated(self, command: str) -> None:
        """A question is left out."""
        self._say("was asked the same by the last {command}: this one is not sent", command=command)

    def unheard(self, command: str) -> None:
        """A message is nobody's business."""
        self._say("sent {command}, which nobody here hears", command=command)

    def round(self, announced: int, known: int, dropped: int) -> None:
        """What became of the things that waited to be announced."""
        self._say(
            "in this round {announced} announced, {known} known by now, {dropped} dropped since the beginning",
            announced=announced,
            known=known,
            dropped=dropped,
        )

    def rose(self, before: int | None, height: int) -> None:
        """The peer is known to have a higher block."""
        self._say("has a best block of height {height}, before {before}", height=height, before=before)

    def reading(self, words: str) -> None:
        """Whether it is read."""
        self._say("{words}", words=words)

    def _say(self, words: str, /, **values: object) -> None:
        _log.debug("{peer} " + words, peer=str(self._peer), **values)


def notes_of(peer: PeerProtocol) -> Notes | None:
    """For a new peer, if the levels say so."""
    return Notes(peer) if is_logged(_log.namespace) else None
