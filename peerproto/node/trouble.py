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

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, where: TracebackType | None) -> bool:
        if isinstance(error, StoreError):
            self.happened.fire(error)
            return True
        return False
