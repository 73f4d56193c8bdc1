"""Floor 1: bytes to messages and back. Knows no clock, no transport and no network by name.

`fields` says what may stand in a message's table; `kinds`, `optional` and `code` turn that into source, `layout`
compiles it, `message` makes classes of tables; `codec` knows one network's messages at one protocol version,
`envelope` how frames begin, `reader` cuts a stream into messages, `plain` shows messages as JSON.
"""
