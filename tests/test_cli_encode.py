"""Tests of `peerproto encode`."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.cli import encode
from peerproto.networks.bitcoin import Ping, Reject, VerAck
from tests.bitcoin_vectors import frame_of, golden
from tests.commands import options_of, run, start

REGTEST = ["--network", "bitcoin-regtest"]
CODEC = networks.named("bitcoin-regtest").codec(witness=True)
ZEROS = "00" * 32
HEADER = {
    "version": 1,
    "prev_block": ZEROS,
    "merkle_root": ZEROS,
    "timestamp": 1,
    "bits": 1,
    "nonce": 1,
}
ADDRESS = {"timestamp": 1, "services": 1, "ip": "192.0.2.1", "port": 1}
ADDRESS_V2 = {"timestamp": 1, "services": 1, "network_id": 1, "addr_bytes": "c0000201", "port": 1}
TX_IN = {
    "previous_out_point": {"hash": ZEROS, "index": 0},
    "signature_script": "",
    "sequence": 0,
    "witness": [],
}
TX = {"version": 1, "tx_in": [TX_IN], "tx_out": [], "lock_time": 0}


def line_of(command: Any, fields: Any) -> bytes:
    """A line of JSON."""
    return json.dumps({"command": command, "fields": fields}).encode() + b"\n"


class GoldenTests(SynchronousTestCase):
    """The frames that the references wrote."""

    def test_inverse(self) -> None:
        """What decode prints of a golden frame, encode makes into that frame again, also of the largest."""
        for entry in golden():
            frame = frame_of(entry).hex().encode() + b"\n"
            decoded = run(["decode", *options_of(entry)], frame)
            if not entry.get("decode_only"):
                self.assertEqual(
                    run(["encode", *options_of(entry)], decoded.out), (0, frame, ""), entry["label"]
                )

    def test_vectors_own_fields(self) -> None:
        """The fields of a vector, derived ones among them, make its frame; `extra` need not be there."""
        for entry in golden():
            if not entry.get("decode_only") and not entry.get("fields_are_summary"):
                ran = run(["encode", *options_of(entry)], line_of(entry["command"], entry["fields"]))
                self.assertEqual(ran, (0, entry["frame"].encode() + b"\n", ""), entry["label"])

    def test_decode_only(self) -> None:
        """A frame that an encoder would not write is read, and written as the encoder would, which reads the same."""
        for entry in golden():
            if entry.get("decode_only"):
                decoded = run(["decode", *options_of(entry)], entry["frame"].encode()).out
                again = run(["encode", *options_of(entry)], decoded).out
                self.assertNotEqual(again.decode().strip(), entry["frame"], entry["label"])
                self.assertEqual(run(["decode", *options_of(entry)], again).out, decoded, entry["label"])


class LineTests(SynchronousTestCase):
    """One object a line."""

    def test_derived_values(self) -> None:
        """What derives from the fields is ignored, even if it is wrong."""
        given = {"command": "ping", "fields": {"nonce": 5, "txid": "no"}, "extra": {"block_hash": 3}}
        ran = run(["encode", *REGTEST], json.dumps(given).encode())
        self.assertEqual(bytes.fromhex(ran.out.decode()), CODEC.encode(Ping(5)))

    def test_raw(self) -> None:
        """With --raw the frames themselves come out."""
        ran = run(["encode", *REGTEST, "--raw"], line_of("verack", {}) * 2)
        self.assertEqual(ran, (0, CODEC.encode(VerAck()) * 2, ""))

    def test_text_that_is_no_utf8(self) -> None:
        """Bytes that are no UTF-8 come back from their lone surrogates, through JSON in any case of spelling."""
        frame = CODEC.encode(Reject("x", 1, b"\xff\x1b\\".decode("utf-8", "surrogateescape")))
        decoded = run(["decode", *REGTEST], frame.hex().encode()).out
        self.assertIn(b'"\\udcff\\u001b\\\\"', decoded)
        self.assertEqual(run(["encode", *REGTEST], decoded).out.decode().strip(), frame.hex())

    def test_goes_on(self) -> None:
        """A refused line is told by its number, blank lines counted; the next is taken; nothing is written for it."""
        given = b"\n" + line_of("pong", {}) + b"  \n" + line_of("ping", {"nonce": 1})
        ran = run(["encode", *REGTEST], given)
        self.assertEqual(ran.err, "peerproto encode: line 2: pong: no field 'nonce' given; it has nonce\n")
        self.assertEqual((ran.code, ran.out.count(b"\n")), (1, 1))


class RefusalTests(SynchronousTestCase):
    """What cannot be encoded: one line each, with the field and what is allowed."""

    def refused(self, given: bytes, *options: str) -> str:
        ran = run(["encode", *REGTEST, *options], given)
        self.assertEqual((ran.code, ran.out), (1, b""), ran.err)
        self.assertEqual(ran.err.count("\n"), 1)
        self.assertTrue(ran.err.isascii())
        return ran.err.removeprefix("peerproto encode: line 1: ").removesuffix("\n")

    def test_no_object(self) -> None:
        """What is not a JSON object with command and fields."""
        for given, why in (
            (b"{", "no JSON: Expecting property name enclosed in double quotes at character 2"),
            (b"\xff\n", "no JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
            (b"[1, 2]", "[1, 2] given, an object with command and fields allowed"),
            (b"null", "null given, an object with command and fields allowed"),
            (b'"\xc3\xa9"', "'\\xe9' given, an object with command and fields allowed"),
            (b"{}", "no 'command' given: command and fields are needed"),
            (b'{"command": "ping"}', "no 'fields' given: command and fields are needed"),
            (b'{"command": 3, "fields": {}}', "command: 3 given, text allowed"),
            (b'{"command": "ping", "fields": []}', "fields: [] given, an object allowed"),
            (
                b'{"error": "malformed", "reason": "", "offset": 3}',
                "a refused frame ('malformed'), no message",
            ),
            (b'{"command": "pingg", "fields": {}}', "command: there is no 'pingg': did you mean 'ping'?"),
        ):
            self.assertEqual(self.refused(given), why)

    def test_depth(self) -> None:
        """JSON too deep to be read is refused like any other, and so are numbers of absurd length."""
        self.assertIn("no JSON: ", self.refused(b"[" * 100_000))
        self.assertIn(
            "no JSON: ", self.refused(b'{"command": "ping", "fields": {"nonce": ' + b"9" * 5000 + b"}}")
        )

    def test_long_line(self) -> None:
        """A line longer than any message is refused without being held."""
        with patch.object(encode, "MOST_LINE", 100):
            self.assertEqual(self.refused(b"[" + b" " * 100), "more than 100 bytes, which no message has")

    def test_fields(self) -> None:
        """A value that does not fit its field: the way to the field, and what is allowed there."""
        for command, fields, why in (
            ("ping", {"nonce": "a"}, "nonce: 'a' given, a whole number from 0 to 18446744073709551615 allowed"),
            ("pong", {"nonce": -1}, "nonce: -1 given, a whole number from 0 to 18446744073709551615 allowed"),
            ("pong", {"nonce": 1.0}, "nonce: 1.0 given, a whole number from 0 to 18446744073709551615 allowed"),
            ("pong", {"nonce": True}, "nonce: true given, a whole number from 0 to 18446744073709551615 allowed"),
            ("inv", {"inv_list": [{"type": 1}]}, "inv_list[0]: no field 'hash' given; it has type, hash"),
            ("inv", {"inv_list": [7]}, "inv_list[0]: 7 given, an object with type, hash allowed"),
            ("inv", {"inv_list": {}}, "inv_list: {} given, a list allowed"),
            ("getcfcheckpt", {"filter_type": 0, "stop_hash": "00"}, "stop_hash: '00' given, 64 hexadecimal digits "
             "(32 bytes) allowed"),
            ("getcfcheckpt", {"filter_type": 0, "stop_hash": "zz" * 32}, f"stop_hash: '{'z' * 27}...{'z' * 28}' "
             "given, 64 hexadecimal digits (32 bytes) allowed"),
            ("filteradd", {"data": "0"}, "data: '0' given, two hexadecimal digits a byte allowed"),
            ("filteradd", {"data": "00" * 521}, "data: 521 bytes, at most 520 allowed"),
            ("sendcmpct", {"announce": 1, "version": 1}, "announce: 1 given, true or false allowed"),
            ("addr", {"addr_list": [ADDRESS | {"ip": "1.2"}]}, "addr_list[0].ip: '1.2' given, an IPv4 or IPv6 "
             "address allowed"),
            ("addr", {"addr_list": [ADDRESS, ADDRESS | {"port": 65536}]}, "addr_list[1].port: 65536 given, a whole "
             "number from 0 to 65535 allowed"),
            ("addrv2", {"addr_list": [ADDRESS_V2 | {"addr_bytes": "00"}]}, "addr_list[0].addr_bytes: address of 1 "
             "bytes for network id 1, 4 allowed"),
            ("reject", {"cmd": "x", "code": 256, "reason": ""}, "code: 256 given, a whole number from 0 to 255 "
             "allowed"),
            ("reject", {"cmd": 5, "code": 1, "reason": ""}, "cmd: 5 given, text allowed"),
            ("reject", {"cmd": "x", "code": 1, "reason": "a\ud800"}, "reason: character 1 is a surrogate that stands "
             "for no byte"),
            ("block", {"header": HEADER, "transactions": [TX | {"lock_time": -1}]}, "transactions[0].lock_time: -1 "
             "given, a whole number from 0 to 4294967295 allowed"),
            ("tx", TX | {"tx_in": [TX_IN | {"witness": ["0"]}]}, "tx_in[0].witness[0]: '0' given, two hexadecimal "
             "digits a byte allowed"),
            ("filterload", {"filter": "", "hash_funcs": 51, "tweak": 0, "flags": 0}, "hash_funcs: 51 given, a whole "
             "number from 0 to 50 allowed"),
        ):  # fmt: skip
            self.assertEqual(self.refused(line_of(command, fields)), f"{command}: {why}")

    def test_fields_that_are_needed_here(self) -> None:
        """A field that need not always be there, but must be here."""
        untimed = {name: value for name, value in ADDRESS.items() if name != "timestamp"}
        for command, fields, path in (
            ("ping", {"nonse": 1}, "nonce"),
            ("ping", {"nonce": None}, "nonce"),
            ("reject", {"cmd": "tx", "code": 1, "reason": ""}, "hash"),
            ("addr", {"addr_list": [ADDRESS, untimed]}, "addr_list"),
            ("addr", {"addr_list": [untimed]}, "addr_list[0].timestamp"),
        ):
            why = self.refused(line_of(command, fields))
            self.assertTrue(why.startswith(f"{command}: "), why)
            self.assertIn(path, why)
        self.assertEqual(
            run(["encode", *REGTEST, "--pver", "31401"], line_of("addr", {"addr_list": [untimed]})).code, 0
        )

    def test_limits(self) -> None:
        """What no peer at this version would take."""
        self.assertEqual(
            self.refused(line_of("sendheaders", {}), "--pver", "70011"),
            "sendheaders exists from protocol version 70012 on, not at 70011",
        )
        vectors = [{"type": 1, "hash": ZEROS}] * 50_001
        self.assertEqual(
            self.refused(line_of("inv", {"inv_list": vectors})),
            "inv: inv_list: 50001 entries, at most 50000 allowed",
        )


class ProcessTests(SynchronousTestCase):
    """The command as a process, behind decode in a pipe."""

    def test_pipe(self) -> None:
        """`decode | encode` gives back what went in."""
        frames = "".join(CODEC.encode(Ping(nonce)).hex() + "\n" for nonce in range(2000))
        with start("-m", "peerproto", "decode", *REGTEST, stderr=None) as first:
            assert first.stdin
            with start("-m", "peerproto", "encode", *REGTEST, stdin=first.stdout, stderr=None) as second:
                first.stdin.write(frames.encode())
                first.stdin.close()
                out, _ = second.communicate(None, 60)
        self.assertEqual((first.returncode, second.returncode, out.decode()), (0, 0, frames))
