"""A seeder that speaks HTTPS on loopback, and does what the test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, PrivateCertificate, trustRootFromCertificates
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.resource import Resource
from twisted.web.server import Site

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase


def line(where: str) -> bytes:
    """A node as it is told of."""
    return json.dumps({"host": where, "services": 1, "pver": 10}).encode() + b"\n"


def certificate() -> PrivateCertificate:
    """For this machine, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return PrivateCertificate.loadPEM(signed.public_bytes(serialization.Encoding.PEM) + secret)  # type: ignore[no-any-return]


class Page(Resource):
    """All that is asked for; each request ends in C{ended}."""

    isLeaf = True

    def __init__(self, serve: Callable[[Any], Any]) -> None:
        super().__init__()
        self._serve = serve
        self.asked: list[bytes] = []
        self.ended: Deferred[None] = Deferred()

    def render_GET(self, request: Any) -> Any:
        self.asked.append(request.uri)
        request.notifyFinish().addBoth(lambda _: self.ended.callback(None))
        return self._serve(request)


class Flood(Protocol):
    """Sends what is no end of headers, for as long as somebody is there; C{over} fires then."""

    over: Deferred[None]

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(b"HTTP/1.1 200 OK\r\n")
        transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        transport: Any = self.transport
        transport.write(b"X-More: " + b"x" * 1000 + b"\r\n")

    def stopProducing(self) -> None:
        pass

    def connectionLost(self, reason: object = None) -> None:
        self.over.callback(None)


class Seeder:
    """One server.

    @ivar place: where it listens. @ivar policy: by which its certificate is good.
    """

    def __init__(self, reactor: PosixReactorBase) -> None:
        self._reactor = reactor
        self._certificate = certificate()
        public = Certificate.load(self._certificate.dump())
        self.policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates([public]))
        self._ports: list[IListeningPort] = []
        self.place = ""

    def page(self, serve: Callable[[Any], Any]) -> Page:
        """Serve what a function makes of requests."""
        page = Page(serve)
        self.listen(Site(page, reactor=self._reactor))
        return page

    def listen(self, factory: Factory) -> None:
        """Serve whatever a factory does."""
        port: Any = self._reactor.listenSSL(0, factory, self._certificate.options(), interface="127.0.0.1")
        self._ports.append(port)
        self.place = f"127.0.0.1:{port.getHost().port}"

    async def close(self) -> None:
        """Listen no more."""
        for port in self._ports:
            await maybeDeferred(port.stopListening)
