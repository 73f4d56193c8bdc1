"""Shows ``peernode`` in ``twistd --help``; `peerproto.tap` is imported only when the command is used."""

from twisted.application.service import ServiceMaker

peernode = ServiceMaker(
    "peer node",
    "peerproto.tap",
    "A node that speaks to the peers of a Bitcoin-like network.",
    "peernode",
)
