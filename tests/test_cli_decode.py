"""Tests of `peerproto decode`."""

from __future__ import annotations

import json
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.cli.decode import decode_stream
from peerproto.networks.bitcoin import GetAddr, Ping, Reject, VerAck
from tests.bitcoin_vectors import bad, golden, network_of
from tests.commands import options_of, run, start

NETWORK = networks.named("bitcoin-regtest")
CODEC = NETWORK.codec(witness=True)
REGTEST = ["--network", "bitcoin-regtest"]
PINGS = [CODEC.encode(Ping(nonce)) for nonce in range(3)]


def frame_of(command: str, payload: bytes) -> bytes:
    """A frame around any payload."""
    return NETWORK.envelope.wrap(NETWORK.envelope.command(command), payload)


UNKNOWN = frame_of("mystery", b"12345")
BROKEN = PINGS[0][:-1] + b"\xff"
FOREIGN = networks.named("litecoin-mainnet").codec().encode(VerAck())
UNDERIVABLE = {"block_txids", "block_wtxids"}  # a compact block's vector tells them; its frame does not

KINDS = {
    "reject": {"wrong-network", "oversize", "bad-checksum", "malformed"},
    "unknown": {"unknown-command"},
    "incomplete": {"incomplete"},
}


def hexed(*frames: bytes) -> bytes:
    """Frames as lines."""
    return b"".join(frame.hex().encode() + b"\n" for frame in frames)


class GoldenTests(SynchronousTestCase):
    """The frames that the references wrote."""

    def test_fields(self) -> None:
        """Every golden frame comes out with exactly the fields of its vector."""
        entries = [entry for entry in golden() if not entry.get("fields_are_summary")]
        self.assertGreater(len(entries), 200)
        for entry in entries:
            ran = run(["decode", *options_of(entry)], entry["frame"].encode())
            (found,) = ran.objects()
            wanted = {name: value for name, value in entry["fields"].items() if name not in UNDERIVABLE}
            self.assertEqual((ran.code, ran.err), (0, ""), entry["label"])
            self.assertEqual(list(found), ["command", "fields", "extra"])
            self.assertEqual((found["command"], found["fields"]), (entry["command"], wanted), entry["label"])

    def test_bad_frames(self) -> None:
        """Every bad frame has an outcome of its kind, at an offset inside it, and exit code 1."""
        for entry in bad():
            if entry["label"] == "unknown-wtxidrelay":
                continue  # btcd does not know it, but it is a message of this network: there is a golden frame of it
            ran = run(["decode", "--raw", *options_of(entry)], bytes.fromhex(entry["frame"]))
            if not entry["frame"]:
                self.assertEqual((ran.code, ran.out), (0, b""))  # a stream of nothing is whole
                continue
            (found,) = ran.objects()
            self.assertEqual((ran.code, ran.err), (1, ""), entry["label"])
            self.assertEqual(list(found), ["error", "reason", "offset"])
            self.assertIn(found["error"], KINDS[entry["kind"]], entry["label"])
            self.assertTrue(0 <= found["offset"] <= len(entry["frame"]) // 2, entry["label"])

    def test_lines_and_streams_agree(self) -> None:
        """A bad frame is refused for the same reason on a line and alone in a stream."""
        for entry in bad():
            if entry["frame"]:
                options = ["decode", *options_of(entry)]
                (line,) = run(options, entry["frame"].encode()).objects()
                (stream,) = run([*options, "--raw"], bytes.fromhex(entry["frame"])).objects()
                self.assertTrue(stream.pop("reason", "").startswith(line.pop("reason", "")), entry["label"])
                self.assertEqual(stream, line, entry["label"])

    def test_what_follows_from_the_fields(self) -> None:
        """What derives from a frame and is no field of its vector stands in `extra`."""
        entry = next(entry for entry in golden() if entry["command"] == "merkleblock")
        (found,) = run(["decode", *options_of(entry)], entry["frame"].encode()).objects()
        self.assertEqual(list(found["extra"]), ["block_hash"])
        self.assertEqual(len(found["extra"]["block_hash"]), 64)


class LineTests(SynchronousTestCase):
    """One frame a line, in hexadecimal digits."""

    def decode(self, given: bytes, code: int) -> list[dict[str, Any]]:
        ran = run(["decode", *REGTEST], given)
        self.assertEqual((ran.code, ran.err), (code, ""))
        return ran.objects()

    def test_white_space(self) -> None:
        """Blank lines and white space around digits are passed over, and the last line needs no end."""
        digits = PINGS[1].hex().encode()
        found = self.decode(b"\n \t\r\n  " + digits.upper() + b" \r\n\n" + digits, 0)
        self.assertEqual([item["fields"] for item in found], [{"nonce": 1}, {"nonce": 1}])

    def test_nothing(self) -> None:
        """No input gives no output, and that is no failure."""
        self.assertEqual(self.decode(b"", 0), [])

    def test_goes_on(self) -> None:
        """A refused frame does not keep the next ones from being read; the exit code tells of it."""
        found = self.decode(hexed(UNKNOWN, PINGS[1], FOREIGN, PINGS[2]), 1)
        self.assertEqual(
            [item.get("error") or item["fields"]["nonce"] for item in found],
            ["unknown-command", 1, "wrong-network", 2],
        )

    def test_no_hex(self) -> None:
        """A line that is not hexadecimal is malformed; the reason names the first bad character and its place."""
        found = self.decode(b"f9be!4d9\nfabfb5da\xc3\xa9\x00\nabc\n\xff\n", 1)
        self.assertEqual([item["error"] for item in found], ["malformed"] * 4)
        self.assertEqual(found[0]["reason"], "'!' (character 5) is no hexadecimal digit")
        self.assertEqual(found[1]["reason"], "'\\xe9' (character 9) is no hexadecimal digit")
        self.assertEqual(found[2]["reason"], "3 hexadecimal digits: half a byte too many")
        self.assertEqual(found[3]["reason"], "'\\ufffd' (character 1) is no hexadecimal digit")
        self.assertEqual([item["offset"] for item in found], [2, 4, 1, 0])

    def test_one_frame_a_line(self) -> None:
        """Bytes behind the frame are refused, at the byte where they begin."""
        (found,) = self.decode((PINGS[0] + PINGS[1]).hex().encode(), 1)
        self.assertEqual(
            found, {"error": "malformed", "reason": "ping: 32 bytes behind the frame", "offset": 32}
        )

    def test_long_line(self) -> None:
        """A line longer than any frame is refused without being held, and the next one is read."""
        found = self.decode(b"00" * 4_100_000 + b"\n" + hexed(PINGS[1]), 1)
        self.assertEqual([item.get("error") for item in found], ["malformed", None])
        self.assertIn("more than 8001048 characters", found[0]["reason"])

    def test_hostile_text(self) -> None:
        """Text from the network comes out in ASCII, escaped, and is the same when it is read back."""
        text = "\x1b]0;x\x07\n\u202e\U0001f4a9" + b"\xff".decode("utf-8", "surrogateescape")
        ran = run(["decode", *REGTEST], hexed(CODEC.encode(Reject("x", 1, text))))
        self.assertTrue(ran.out.isascii() and ran.out.strip().isascii())
        self.assertEqual(ran.out.count(b"\n"), 1)
        self.assertNotIn(b"\x1b", ran.out)
        self.assertEqual(ran.objects()[0]["fields"]["reason"], text)

    def test_older_versions(self) -> None:
        """The protocol version decides how a frame is read."""
        ping = NETWORK.codec(60000).encode(Ping())
        ran = run(["decode", *REGTEST, "--pver", "60000"], hexed(ping))
        self.assertEqual(ran.objects(), [{"command": "ping", "fields": {}, "extra": {}}])
        self.assertEqual(run(["decode", *REGTEST], hexed(ping)).code, 1)


class StreamTests(SynchronousTestCase):
    """A stream of bytes."""

    def decode(self, given: bytes, code: int) -> list[dict[str, Any]]:
        ran = run(["decode", *REGTEST, "--raw"], given)
        self.assertEqual((ran.code, ran.err), (code, ""))
        return ran.objects()

    def test_frames(self) -> None:
        """Frames one behind the other come out one after the other."""
        found = self.decode(b"".join(PINGS) + CODEC.encode(GetAddr()), 0)
        self.assertEqual([item["command"] for item in found], ["ping", "ping", "ping", "getaddr"])

    def test_goes_on_behind_a_refused_frame(self) -> None:
        """Where the length of a refused frame is known, reading goes on behind it; offsets count from the start."""
        too_long = frame_of("verack", b"x")
        found = self.decode(UNKNOWN + BROKEN + too_long + PINGS[2], 1)
        self.assertEqual(
            [(item.get("error"), item.get("offset")) for item in found],
            [
                ("unknown-command", 4),
                ("bad-checksum", len(UNKNOWN) + 20),
                ("oversize", len(UNKNOWN) + 32 + 16),
                (None, None),
            ],
        )

    def test_malformed_payload(self) -> None:
        """The offset of a fault inside a payload counts from the start of the stream."""
        bad = frame_of("inv", b"\xfd\x01\x00" + bytes(36))
        found = self.decode(PINGS[0] + bad + PINGS[1], 1)
        self.assertEqual((found[1]["error"], found[1]["offset"]), ("malformed", 32 + 24))
        self.assertEqual(found[2]["fields"], {"nonce": 1})

    def test_lost_stream(self) -> None:
        """After another magic or an impossible length no next frame can be found: it says so and ends."""
        endless = NETWORK.magic + b"block\0\0\0\0\0\0\0" + b"\xff\xff\xff\xff" + bytes(4)
        for kind, offset, lost in (("wrong-network", 32, FOREIGN), ("oversize", 48, endless)):
            found = self.decode(PINGS[0] + lost + PINGS[1], 1)
            self.assertEqual([item.get("error") for item in found], [None, kind])
            self.assertEqual(found[1]["offset"], offset)
            self.assertTrue(found[1]["reason"].endswith("; the stream cannot be read on"))

    def test_another_protocol(self) -> None:
        """An HTTP answer is refused in one object that asks whether it is another protocol."""
        (found,) = self.decode(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9, 1)
        self.assertEqual(found["error"], "oversize")
        self.assertIn("another protocol?", found["reason"])

    def test_cut(self) -> None:
        """A stream that ends inside a frame is incomplete there."""
        for cut in (1, 23, 24, 31):
            found = self.decode(PINGS[0] + PINGS[1][:cut], 1)
            self.assertEqual((found[1]["error"], found[1]["offset"]), ("incomplete", 32 + cut))

    @given(some.lists(some.integers(0, 260), max_size=12))
    def test_any_chunking(self, cuts: list[int]) -> None:
        """However the stream is cut into chunks, the same comes out."""
        stream = PINGS[0] + UNKNOWN + BROKEN + CODEC.encode(Reject("tx", 1, "x" * 50, bytes(32))) + PINGS[2]
        places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
        chunks = [stream[begin:end] for begin, end in pairwise(places)]
        self.assertEqual(list(decode_stream(chunks, CODEC)), list(decode_stream([stream], CODEC)))

    def test_all_golden_frames_in_one_stream(self) -> None:
        """Golden frames of one network, joined and given byte by byte, are those frames again."""
        entries = [
            entry
            for entry in golden()
            if entry["net"] == "mainnet" and entry["pver"] == 70016 and entry["encoding"] == "witness"
            if entry.get("frame_len", 0) < 5000 and network_of(entry).policy.name == "btcd"
        ]
        codec = networks.named("bitcoin-mainnet").codec(70016, True)
        stream = bytes.fromhex("".join(entry["frame"] for entry in entries))
        found = list(decode_stream((stream[at : at + 1] for at in range(len(stream))), codec))
        self.assertGreater(len(found), 100)
        self.assertEqual([item["command"] for item in found], [entry["command"] for entry in entries])


class FileTests(SynchronousTestCase):
    """A file in place of standard input."""

    def test_file(self) -> None:
        """A capture file is read by its name; `-` is standard input."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "capture")
            path.write_bytes(b"".join(PINGS))
            self.assertEqual(len(run(["decode", *REGTEST, "--raw", str(path)]).objects()), 3)
        self.assertEqual(len(run(["decode", *REGTEST, "-"], hexed(*PINGS)).objects()), 3)

    def test_no_file(self) -> None:
        """A file that cannot be read is one line on standard error and exit code 2."""
        with tempfile.TemporaryDirectory() as folder:
            missing = str(Path(folder, "missing"))
            for path, why in ((missing, "No such file or directory"), (folder, "Is a directory")):
                ran = run(["decode", *REGTEST, path])
                self.assertEqual(ran, (2, b"", f"peerproto decode: {path}: {why}\n"))


class ProcessTests(SynchronousTestCase):
    """The command as a process."""

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        process = start("-m", "peerproto", "decode", *REGTEST, *options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_whole(self) -> None:
        """From standard input to standard output, and an exit code."""
        out, err = self.start().communicate(hexed(PINGS[1], UNKNOWN), 60)
        self.assertEqual(
            [json.loads(line).get("error") for line in out.splitlines()], [None, "unknown-command"]
        )
        self.assertEqual(err, b"")

    def test_answers_while_it_waits(self) -> None:
        """What has come is answered before more is waited for, so a program can ask frame by frame."""
        for options, form in (((), hexed), (("--raw",), bytes)):
            process = self.start(*options)
            assert process.stdin and process.stdout
            for nonce, frame in enumerate(PINGS):
                process.stdin.write(form(frame))
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["fields"], {"nonce": nonce})
            self.assertEqual(process.communicate(None, 60), (b"", b""))
            self.assertEqual(process.returncode, 0)

    def test_broken_pipe(self) -> None:
        """Nobody reads any more: it ends without a word."""
        process = self.start()
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        try:
            for _ in range(1000):
                process.stdin.write(hexed(PINGS[0]) * 100)
                process.stdin.flush()
        except BrokenPipeError:
            pass
        self.assertEqual(process.wait(60), 141)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
