"""Floor 2: how one peer behaves, on any network.

The whole conversation::

    outbound peer                                 inbound peer
      connectionMade: version          ------->     judges it (self? too old?)
      judges it                        <-------   version
      wtxidrelay, sendaddrv2, verack   ------->   wtxidrelay, sendaddrv2, verack (at once, both ways)
      READY when their verack is here             READY when their verack is here
      sendheaders                      <------>   sendheaders
      requests, each with its answer owed in time; announcements; a ping every two minutes

From the first byte to both veracks one timer runs; after that the idle, ping and stall timers do.
`handshake`, `pending`, `pings` and `statistics` remember; they know no transport and are told the time.
`inbox` and `outbox` are the ways in and out, `duties` is what a peer does of itself, `watch` has every deadline.
`protocol` ties them to Twisted and to the user; `factory` is what the peers of one node share.
"""
