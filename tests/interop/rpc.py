"""Calls to a node by JSON-RPC, with nothing but Twisted and json."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase
    from twisted.internet.tcp import Connection

USER = "peerproto"


class RPCError(Exception):
    """The node refused a call.

    @ivar code: the node's error code (Bitcoin Core's: rpc/protocol.h), or 0 if the answer was no JSON.
    """

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.code = code


class _Exchange(Protocol):
    """One HTTP request and what came back until the other side closed."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = b""
        self.answer: Deferred[bytes] = Deferred(lambda _: self._connection.abortConnection())

    def connectionMade(self) -> None:
        self._connection = cast("Connection", self.transport)
        self._connection.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self._received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.answer.called:
            return
        if self._received:
            self.answer.callback(self._received)
        else:
            self.answer.errback(reason)


class RPC:
    """Calls to one node by JSON-RPC, each on a connection of its own that the node closes."""

    def __init__(self, reactor: PosixReactorBase, port: int, password: str = "", path: str = "/") -> None:
        self._endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        login = base64.b64encode(f"{USER}:{password}".encode()).decode()
        # In HTTP/1.0 the answer is not chunked and its end is the connection's.
        self._head = (
            f"POST {path} HTTP/1.0\r\nAuthorization: Basic {login}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )

    async def call(self, method: str, params: tuple[object, ...]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        exchange = _Exchange(f"{self._head}{len(body)}\r\n\r\n{body}".encode("ascii"))
        await connectProtocol(self._endpoint, exchange)
        head, _, body_back = (await exchange.answer).partition(b"\r\n\r\n")
        return self._result(method, head, body_back)

    @staticmethod
    def _result(method: str, head: bytes, body: bytes) -> Any:
        try:
            answer = json.loads(body)
        except ValueError:
            status = head.partition(b"\r\n")[0].decode("ascii", "replace")
            raise RPCError(method, 0, f"no JSON but {status}") from None
        if answer.get("error") is not None:
            raise RPCError(method, answer["error"]["code"], answer["error"]["message"])
        return answer["result"]
