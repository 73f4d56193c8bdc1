"""Mixing: peers make one transaction together without telling whose coins are whose (dcrd wire/msgmix*.go).

Every message is signed by an identity made for the session; a peer passes them on without looking at the signature.
"""

from __future__ import annotations

from struct import Struct
from typing import Annotated, NamedTuple

from peerproto.errors import MalformedMessage
from peerproto.networks.decred.blocks import Tx, tx_kind
from peerproto.networks.decred.kinds import AsciiText, amount
from peerproto.networks.decred.matrices import Row, change, field_values, mixed_messages, mixed_vectors
from peerproto.networks.decred.messages import between
from peerproto.networks.decred.records import OutPoint
from peerproto.networks.decred.transactions import TxOut
from peerproto.wire.blake256 import blake256
from peerproto.wire.code import all_exact, exact
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Count, Fixed, Hash, ListOf, VarBytes, uint8, uint16, uint32, uint64
from peerproto.wire.layout import record
from peerproto.wire.message import Message, message
from peerproto.wire.varint import read_varint, write_varint

SINCE = 10
MOST_SEEN = MOST_UTXOS = MOST_CIPHERTEXTS = 512
MOST_ROOTS = 1024
CIPHERTEXT = 1047
"""Bytes of a ciphertext of Streamlined NTRU Prime 4591^761."""

Signature = Annotated[bytes, Fixed("64s")]
Identity = Annotated[bytes, Fixed("33s")]
"""A compressed public key."""
Seen = Annotated[list[Hash], Count(MOST_SEEN)]
"""The hashes of the messages that this one answers."""
Values = Annotated[list[bytes], ListOf(VarBytes(32), MOST_ROOTS)]


class Mix(Message):
    """What all messages of mixing have."""

    __slots__ = ()

    def extra(self) -> dict[str, object]:
        return {"mix_hash": self.mix_hash}

    @property
    def mix_hash(self) -> bytes:
        """BLAKE-256 of the whole payload: under it the message is announced and asked for, as type 4."""
        return blake256(self.raw())

    def raw(self) -> bytes:
        """The payload, whatever the protocol version."""
        payload = self.payload
        return self.layout.write(self, None) if payload is None or self.is_untouched() is None else payload


class MixUTXO(NamedTuple):
    """Coins that shall be mixed, and the proof that they are the sender's; the opcode tells the kind of signature."""

    out_point: OutPoint
    script: Annotated[bytes, VarBytes(16_384)]
    pub_key: Annotated[bytes, VarBytes(33)]
    signature: Annotated[bytes, VarBytes(64)]
    opcode: uint8


@message("mixpairreq", most=between(8_476_848, since=SINCE), since=SINCE, lazy=True)
class MixPairReq(Mix):
    """Looks for others to mix with; until the block height `expiry`."""

    signature: Signature
    identity: Identity
    expiry: uint32
    mix_amount: amount
    script_class: Annotated[str, AsciiText(32)]
    tx_version: uint16
    lock_time: uint32
    message_count: uint32
    input_value: amount
    utxos: Annotated[list[MixUTXO], ListOf(record(MixUTXO), MOST_UTXOS)]
    change: Annotated[TxOut | None, change]
    flags: uint8
    pairing_flags: uint8

    @classmethod
    def may_be_absent(cls) -> frozenset[str]:
        return frozenset({"change"})

    def extra(self) -> dict[str, object]:
        return {**Mix.extra(self), "pairing": self.pairing}

    @property
    def pairing(self) -> bytes:
        """What must be the same in two requests for their senders to mix with each other."""
        name = self.script_class.encode("ascii")
        return b"".join((
            _AMOUNT.pack(self.mix_amount),
            write_varint(len(name)),
            name,
            _TERMS.pack(self.tx_version, self.lock_time, self.pairing_flags),
        ))  # fmt: skip


_AMOUNT = Struct("<q")
_TERMS = Struct("<HIB")


@message("mixkeyxchg", most=between(17_815, since=SINCE), since=SINCE, lazy=True)
class MixKeyExchange(Mix):
    """A peer's keys for a run of a session."""

    signature: Signature
    identity: Identity
    session_id: Hash
    epoch: uint64
    run: uint32
    pos: uint32
    ecdh: Annotated[bytes, Fixed("33s")]
    pqpk: Annotated[bytes, Fixed("1218s")]
    commitment: Hash
    seen_prs: Seen


_START = Struct("<64s33s32sI")


def _read_ciphertexts(self: MixCiphertexts, buf: bytes, at: int, codec: Codec) -> int:
    """One count is that of two lists."""
    self.signature, self.identity, self.session_id, self.run = _START.unpack_from(buf, at)
    count, at = read_varint(buf, at + _START.size)
    if count > MOST_CIPHERTEXTS:
        raise MalformedMessage(
            f"{count} ciphertexts announced, at most {MOST_CIPHERTEXTS} allowed", offset=at
        )
    middle, end = at + count * CIPHERTEXT, at + count * (CIPHERTEXT + 32)
    if end > len(buf):
        raise IndexError
    self.ciphertexts = [buf[start : start + CIPHERTEXT] for start in range(at, middle, CIPHERTEXT)]
    self.seen_key_exchanges = [buf[start : start + 32] for start in range(middle, end, 32)]
    return end


def _write_ciphertexts(self: MixCiphertexts, codec: Codec) -> bytes:
    count, seen = len(self.ciphertexts), len(self.seen_key_exchanges)
    if count != seen or count > MOST_CIPHERTEXTS:
        raise ValueError(f"{count} ciphertexts for {seen} key exchanges, at most {MOST_CIPHERTEXTS} of both")
    all_exact(self.ciphertexts, CIPHERTEXT)
    all_exact(self.seen_key_exchanges, 32)
    start = _START.pack(
        exact(self.signature, 64), exact(self.identity, 33), exact(self.session_id, 32), self.run
    )
    return start + write_varint(count) + b"".join((*self.ciphertexts, *self.seen_key_exchanges))


@message(
    "mixcphrtxt",
    most=between(552_584, since=SINCE),
    since=SINCE,
    lazy=True,
    by_hand=(_read_ciphertexts, _write_ciphertexts),
)
class MixCiphertexts(Mix):
    """Shared secrets, each for the peer of the key exchange at the same place."""

    signature: Signature
    identity: Identity
    session_id: Hash
    run: uint32
    ciphertexts: Annotated[list[bytes], ListOf(Fixed(f"{CIPHERTEXT}s"), MOST_CIPHERTEXTS)]
    seen_key_exchanges: Annotated[list[Hash], Count(MOST_CIPHERTEXTS)]


@message("mixslotres", most=between(17_318_030, since=SINCE), since=SINCE, lazy=True)
class MixSlotReserve(Mix):
    """A peer's part of the sums by which slots are given out."""

    signature: Signature
    identity: Identity
    session_id: Hash
    run: uint32
    dcmix: Annotated[list[Row], field_values]
    seen_ciphertexts: Seen


@message("mixfactpoly", most=between(49_291, since=SINCE), since=SINCE, lazy=True)
class MixFactoredPoly(Mix):
    """The roots of the polynomial of slots, for those who cannot find them themselves."""

    signature: Signature
    identity: Identity
    session_id: Hash
    run: uint32
    roots: Values
    seen_slot_reserves: Seen


@message("mixdcnet", most=between(20_988_047, since=SINCE), since=SINCE, lazy=True)
class MixDCNet(Mix):
    """A peer's part of the sums that give the mixed messages."""

    signature: Signature
    identity: Identity
    session_id: Hash
    run: uint32
    dcnet: Annotated[list[Row], mixed_vectors]
    seen_slot_reserves: Seen


@message("mixconfirm", most=between(1_016_520, since=SINCE), since=SINCE, lazy=True)
class MixConfirm(Mix):
    """The transaction, with the sender's signatures in it."""

    signature: Signature
    identity: Identity
    session_id: Hash
    run: uint32
    mix: Annotated[Tx, tx_kind]
    seen_dcnets: Seen

    def extra(self) -> dict[str, object]:
        return {**Mix.extra(self), "tx_hash": self.mix.tx_hash}


@message("mixsecrets", most=between(70_831, since=SINCE), since=SINCE, lazy=True)
class MixSecrets(Mix):
    """What a peer had kept to itself, laid open so that the others find out who has cheated."""

    signature: Signature
    identity: Identity
    session_id: Hash
    run: uint32
    seed: Hash
    slot_reserve_msgs: Values
    dcnet_msgs: Annotated[list[bytes], mixed_messages]
    seen_secrets: Seen

    def extra(self) -> dict[str, object]:
        return {**Mix.extra(self), "commitment": self.commitment}

    @property
    def commitment(self) -> bytes:
        """What the peer has committed to in its key exchange: the hash without signature, as if nothing was seen."""
        bare = MixSecrets(
            bytes(64),
            self.identity,
            self.session_id,
            self.run,
            self.seed,
            self.slot_reserve_msgs,
            self.dcnet_msgs,
            [],
        )
        return blake256(bare.raw())
