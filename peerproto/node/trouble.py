"""A store that fails while a peer's message is handled: that is not the peer's fault."""

from __future__ import annotations

from types import TracebackType

from peerproto.errors import StoreError
from peerproto.peer.once import Once


class Trouble:
    """`with trouble:` stands around what uses the store on behalf of a peer, who would be ended for it otherwise.

    :ivar happened: the StoreError. It happens at most once: what fails after that says nothing new.
    """

    def __init__(self) -> None:
        self.happened: Once[StoreError] = Once()
        self._error: StoreError | None = None

    def check(self) -> None:
        """Raises what has happened, if it has."""
        if self._error is not None:
            raise self._error

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, where: TracebackType | None) -> bool:
        if isinstance(error, StoreError):
            self._error = self._error or error
            self.happened.fire(error)
            return True
        return False
