"""Floor 1: bytes to messages and back. Knows no clock, no transport and no network by name.

`fields` says what may stand in a message's table. `kinds`, `tables` and `optional` put that into source with
`code`, `reading` and `writing`; `layout` compiles it, `message` makes classes of it. `codec` knows one
network's messages at one protocol version, `envelope` how frames begin, `reader` cuts a stream into messages,
`plain` shows messages as JSON.
"""
