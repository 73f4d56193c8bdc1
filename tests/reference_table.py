"""Where the rows of `reference_rows` are shown: those of the packages `peer`, and of the packages `wire` those that
`test_reference_rows_wire` does not show by their names. And which of them there is nothing to show of, and why.

A place is `module:Class.test`, or `module:test`; a module without `test_` is one of `test_reference_rows_*`.
"""

from __future__ import annotations

Places = tuple[str, ...]
Table = dict[str, Places]

EXAMPLE = ("tests.interop.test_reference_example:test_new_outbound_peer",)
MRU: Table = {
    "TestMruInventoryMap": ("outgoing:MruRows.test_mru_inventory_map",),
    "TestMruNonceMap": ("outgoing:MruRows.test_mru_nonce_map", "outgoing:MruRows.test_nonce_that_comes_back"),
}
HEIGHT = ("standing:LastBlockTests.test_height",)
ERRORS = (
    "test_errors:ReasonTests.test_each_class_has_its_own",
    "test_errors:TreeTests.test_tree",
    "test_errors:TreeTests.test_ours_is_not_theirs",
)

PEER: dict[str, Table] = {
    "btcd": {
        "Example_newOutboundPeer": EXAMPLE,
        "TestDisconnectBeforeAssociateConnection": (
            "handshake:ConnectionRows.test_disconnect_before_associate_connection",
        ),
        "TestAssociateConnectionDisconnectRace": (
            "handshake:ConnectionRows.test_disconnect_before_associate_connection",
            "test_peer_protocol:EndingTests.test_before_the_connection",
            "test_peer_protocol:EndingTests.test_idempotent",
        ),
        "TestPeerConnection": (
            "standing:PeerConnectionTests.test_bitcoin",
            "handshake:ConnectionRows.test_socks_proxy",
        ),
        "TestPeerListeners": ("listening:BtcdRows.test_peer_listeners",),
        "TestOutboundPeer": (
            "pushing:BtcdRows.test_outbound_peer",
            "pushing:BtcdRows.test_outbound_peer_dead",
            "handshake:EndRows.test_no_newest_block",
            *HEIGHT,
        ),
        "TestUnsupportedVersionPeer": ("handshake:EndRows.test_unsupported_version_peer",),
        "TestDuplicateVersionMsg": ("handshake:EndRows.test_duplicate_version_msg",),
        "TestUpdateLastBlockHeight": HEIGHT,
        "TestSendAddrV2Handshake": ("handshake:HandshakeRows.test_send_addr_v2_handshake",),
        "TestRecoverFromPanic": ("handshake:EndRows.test_recover_from_panic",),
        **MRU,
    },
    "dcrd": {
        "Example_newOutboundPeer": EXAMPLE,
        "TestErrorKindStringer": ERRORS,
        "TestError": ERRORS,
        "TestErrorKindIsAs": ERRORS,
        "TestPeerHandshake": (
            "handshake:HandshakeRows.test_peer_handshake",
            "handshake:ConnectionRows.test_socks_proxy",
        ),
        "TestPeerHandshakeCallback": ("handshake:HandshakeRows.test_peer_handshake_callback",),
        "TestPeerListeners": (
            "listening:DecredRows.test_peer_listeners",
            "listening:DecredAddr.test_peer_listeners",
        ),
        "TestOldProtocolVersion": ("handshake:EndRows.test_old_protocol_version",),
        "TestNoNewestBlock": ("handshake:EndRows.test_no_newest_block",),
        "TestDuplicateVersionMsg": ("handshake:EndRows.test_duplicate_version_msg",),
        "TestUpdateLastBlockHeight": HEIGHT,
        "TestPushAddrV2Msg": ("outgoing:DecredRows.test_push_addr_v2_msg",),
        "TestWriteMessageDeadline": ("outgoing:DecredRows.test_write_message_deadline",),
        "TestWriteMessageDeadlineError": ("outgoing:DecredRows.test_write_error",),
        "TestQueuedOutputLimit": ("outgoing:DecredRows.test_queued_output_limit",),
        "TestQueuedOutputBytesDeducted": ("outgoing:DecredRows.test_queued_output_bytes_deducted",),
    },
    "soterd": {
        "Example_newOutboundPeer": EXAMPLE,
        "TestPeerConnection": (
            "standing:PeerConnectionTests.test_soter",
            "handshake:ConnectionRows.test_socks_proxy",
        ),
        "TestPeerListeners": ("listening:SoterRows.test_peer_listeners",),
        "TestOutboundPeer": (
            "pushing:SoterRows.test_outbound_peer",
            "pushing:SoterRows.test_outbound_peer_dead",
            "handshake:EndRows.test_no_newest_block",
            *HEIGHT,
        ),
        "TestUnsupportedVersionPeer": ("handshake:EndRows.test_unsupported_version_peer",),
        "TestMismatchedGenesisBlock": ("handshake:EndRows.test_mismatched_genesis_block",),
        "TestIncompatibleUAVersion": ("handshake:EndRows.test_incompatible_ua_version",),
        "TestDuplicateVersionMsg": ("handshake:EndRows.test_duplicate_version_msg",),
        **MRU,
    },
    "kaspad": {
        "Example_newOutboundPeer": EXAMPLE,
        "TestPeerConnection": (
            "standing:PeerConnectionTests.test_kaspa",
            "handshake:ConnectionRows.test_socks_proxy",
        ),
        "TestPeerListeners": ("listening:KaspaRows.test_peer_listeners",),
        "TestOutboundPeer": (
            "pushing:KaspaRows.test_outbound_peer",
            "pushing:KaspaRows.test_outbound_peer_dead",
        ),
        "TestUnsupportedVersionPeer": ("handshake:EndRows.test_unsupported_version_peer",),
        **MRU,
    },
}

_V2 = "the encrypted transport of BIP324 is not spoken"
_MAPS = "the maps have no text of their own: a test of Go's fmt"
PEER_NOT_HERE = {
    "TestP2PDowngraderMarkAndShouldDowngrade": _V2,
    "TestP2PDowngraderLRUEviction": _V2,
    "TestP2PDowngraderMarkExistingUpdatesLRU": _V2,
    "TestV2HandshakeAdmission": _V2,
    "TestMruInventoryMapStringer": _MAPS,
    "TestMruNonceMapStringer": _MAPS,
    "TestNetFallback": "a network must be named: there is none to fall back to",
}

ELEMENTS = ("test_fields:FieldTests.test_written", "test_fields:FieldTests.test_bounds")
TEXTS = ("test_kinds:KindTests.test_strings", "test_kinds:PlainTests.test_inverse")
SHORT = ("test_layout:CutShortTests.test_cut_anywhere", "test_layout:CutShortTests.test_never_behind_the_end")
OVERFLOW = ("values:NumberRows.test_overflow", "test_kinds:CapTests.test_announced")
SERVICES = ("values:NameRows.test_service_flags",)
NETS = ("values:NameRows.test_net_stringers",)

_COMMON: Table = {
    "TestElementWire": ELEMENTS,
    "TestElementWireErrors": SHORT,
    "TestVarIntWire": ("test_varint:VarintTests.test_bounds", "test_varint:VarintTests.test_inverse"),
    "TestVarIntWireErrors": ("test_varint:VarintTests.test_cut", *SHORT),
    "TestVarIntNonCanonical": ("values:NumberRows.test_var_int_non_canonical",),
    "TestVarIntSerializeSize": ("values:NumberRows.test_var_int_serialize_size",),
    "TestVarStringWire": TEXTS,
    "TestVarStringWireErrors": SHORT,
    "TestVarStringOverflowErrors": OVERFLOW,
    "TestVarBytesWire": TEXTS,
    "TestVarBytesWireErrors": SHORT,
    "TestVarBytesOverflowErrors": OVERFLOW,
    "TestRandomUint64": ("test_peer_factory:IntroductionTests.test_nonce",),
    "TestInvTypeStringer": ("values:NameRows.test_inv_type_stringer",),
    "TestReadMessageWireErrors": ("values:EnvelopeRows.test_read_message_wire_errors",),
    "TestWriteMessageWireErrors": ("values:EnvelopeRows.test_write_message_wire_errors",),
    "TestRejectCodeStringer": ("values:NameRows.test_reject_code_stringer",),
    "TestServiceFlagStringer": SERVICES,
}


def _golden(family: str) -> Table:
    return {
        "TestMessage": (
            f"test_{family}_vectors:GoldenTests.test_out_of_the_reader",
            f"test_{family}_vectors:GoldenTests.test_all_are_here",
        )
    }


WIRE_ELSEWHERE: dict[str, Table] = {
    "bitcoin": {
        **_COMMON,
        **_golden("bitcoin"),
        "TestPingBIP0031": ("test_bitcoin_messages:SinceTests.test_ping",),
        "TestPingCrossProtocol": ("test_bitcoin_messages:SinceTests.test_ping",),
        "TestBlockTxHashes": ("test_bitcoin_vectors:TransactionTests.test_without_witness",),
        "TestBlockHash": ("test_bitcoin_blocks:BlockTests.test_hash",),
        "TestTxHash": ("test_bitcoin_vectors:TransactionTests.test_ids",),
        "TestWTxSha": (
            "test_bitcoin_vectors:TransactionTests.test_ids",
            "test_bitcoin_blocks:TxTests.test_ids",
        ),
        "TestTxID": (
            "test_bitcoin_vectors:TransactionTests.test_ids",
            "test_bitcoin_blocks:TxTests.test_ids",
        ),
        "TestTxSerializeSizeStripped": ("test_bitcoin_blocks:TxTests.test_without_witness",),
        "TestTxWitnessSize": ("test_bitcoin_transactions:FormTests.test_witness",),
        "TestTxSuperfluousWitnessRecord": ("test_bitcoin_transactions:MalformedTests.test_no_witness",),
        "TestTxWitnessOverflowPanic": ("values:NumberRows.test_witness_overflow",),
        "TestVersionOptionalFields": ("values:NumberRows.test_version_optional_fields",),
        "TestIsIPv4Mapped": ("test_bitcoin_records:AddressV2Tests.test_not_ipv6",),
        "TestNetAddressV2FromBytes": ("test_bitcoin_records:AddressV2Tests.test_text",),
        "TestBitcoinNetStringer": NETS,
        "TestHasFlag": SERVICES,
    },
    "decred": {
        **_COMMON,
        **_golden("decred"),
        "TestBlockHeaderHashing": ("test_decred_chain:HashTests.test_headers",),
        "TestShortReads": (
            "test_reader:ChunkTests.test_byte_by_byte",
            "test_reader:ChunkTests.test_any_chunks",
        ),
        "TestAsciiVarStringWire": TEXTS,
        "TestAsciiVarStringWireErrors": ("test_decred_messages:WriteTests.test_text", *SHORT),
        "TestAsciiVarStringOverflowErrors": OVERFLOW,
        "TestMessageErrorCodeStringer": ERRORS,
        "TestMessageError": ("test_errors:MessageTests.test_malformed",),
        "TestErrorCodeIsAs": ERRORS,
        "TestBlockTxHashes": ("test_decred_vectors:GoldenTests.test_what_follows",),
        "TestBlockSTxHashes": ("test_decred_vectors:GoldenTests.test_what_follows",),
        "TestBlockHash": ("test_decred_vectors:GoldenTests.test_what_follows",),
        "TestTxHash": (
            "test_decred_vectors:GoldenTests.test_what_follows",
            "test_decred_messages:UnreadTests.test_hashes",
        ),
        "TestTxSerializePrefix": ("test_decred_messages:ChangedTests.test_prefix_and_witness",),
        "TestTxSerializeWitness": ("test_decred_messages:ChangedTests.test_prefix_and_witness",),
        "TestVersionOptionalFields": ("values:NumberRows.test_version_optional_fields",),
        "TestCurrencyNetStringer": NETS,
    },
    "soter": {
        **_COMMON,
        **_golden("soter"),
        "TestPingBIP0031": ("test_soter_networks:WritingTests.test_ping_without_nonce",),
        "TestPingCrossProtocol": ("test_soter_networks:WritingTests.test_ping_without_nonce",),
        "TestAlertErrors": ("test_soter_networks:WritingTests.test_alert",),
        "TestBlockTxHashes": ("test_soter_vectors:TransactionTests.test_without_witness",),
        "TestBlockHash": ("test_soter_vectors:MinedTests.test_blocks",),
        "TestTxHash": ("test_soter_vectors:TransactionTests.test_ids",),
        "TestWTxSha": ("test_soter_vectors:TransactionTests.test_ids",),
        "TestTxSerializeSizeStripped": ("test_soter_vectors:TransactionTests.test_without_witness",),
        "TestTxWitnessSize": ("test_soter_vectors:TransactionTests.test_ids",),
        "TestVersionOptionalFields": ("values:NumberRows.test_version_optional_fields",),
        "TestParentsSubHeaderSerialize": ("test_soter_networks:WritingTests.test_sub_headers",),
        "TestVerificationSubHeader": ("test_soter_networks:WritingTests.test_sub_headers",),
        "TestSoterNetStringer": NETS,
    },
    "kaspa": {
        **_COMMON,
        **_golden("kaspa"),
        "TestIsGenesis": (
            "values:KaspaRows.test_block_header_serialize_size",
            "test_kaspa_networks:NumberTests.test_genesis",
        ),
        "TestBlockHeaderSerializeSize": ("values:KaspaRows.test_block_header_serialize_size",),
        "TestBlockHash": ("test_kaspa_networks:WritingTests.test_block_hash",),
        "TestConvertToPartial": ("values:KaspaRows.test_convert_to_partial",),
        "TestTxHashAndID": (
            "test_kaspa_transactions:HashTests.test_native",
            "test_kaspa_transactions:HashTests.test_payload",
            "test_kaspa_transactions:HashTests.test_coinbase",
        ),
        "TestIsSubnetworkCompatible": ("values:KaspaRows.test_is_subnetwork_compatible",),
        "TestKaspaNetStringer": NETS,
    },
}

WIRE_NOT_HERE = {
    "TestRandomUint64Errors": "the system's random numbers do not fail in Python",
    "TestReadV2MessageTrailingBytes": _V2,
    "TestTxOutPointFromString": "a command line's matter: no peer reads outputs from text",
    "TestScriptFreeList": "Go's pool of buffers for scripts; Python has none",
}

_NEO_VERSION = ("neo:PayloadRows.test_version",)
_NEO_HEADERS = ("neo:PayloadRows.test_headers",)
_NEO_INVENTORY = ("neo:PayloadRows.test_inventory",)
_NEO_DEADLINE = ("neo:PeerRows.test_deadline",)
_NEO_ASKED = (
    "test_node_asking:AskingTests.test_availability",
    "test_node_asking:AskingTests.test_answer",
    "test_node_asking:AskingTests.test_nobody",
)

NEO: Table = {
    "peer.TestHandshake": ("neo:PeerRows.test_handshake",),
    "peer.TestConfigurations": ("neo:PeerRows.test_configurations",),
    "peer.TestPeerDisconnect": ("neo:PeerRows.test_peer_disconnect",),
    "peer.TestNotifyDisconnect": ("neo:PeerRows.test_notify_disconnect",),
    "stall.TestAddRemoveMessage": ("neo:PeerRows.test_add_remove_message",),
    "stall.TestDeadlineWorks": _NEO_DEADLINE,
    "stall.TestDeadlineShouldNotBeEmpty": _NEO_DEADLINE,
    "peermgr.TestAddPeer": ("neo:PeerRows.test_add_peer",),
    "peermgr.TestRequestBlocks": _NEO_ASKED,
    "peermgr.TestRequestHeaders": _NEO_ASKED,
    "peermgr.TestNotifyDisconnect": ("neo:PeerRows.test_add_peer",),
    "wire.TestWriteMessageLen": _NEO_VERSION,
    "wire.TestReadMessage": _NEO_VERSION,
    "payload.TestBlockDecodeEncode": ("neo:PayloadRows.test_block_decode_encode",),
    "payload.TestBlockSizeCalculation": ("neo:PayloadRows.test_block_size_calculation",),
    "payload.TestAddrMessageEncodeDecode": ("neo:PayloadRows.test_addr",),
    "payload.TestNewGetAddr": ("neo:PayloadRows.test_empty",),
    "payload.TestNewVerack": ("neo:PayloadRows.test_empty",),
    "payload.TestGetBlocksCommandType": ("neo:PayloadRows.test_get_headers",),
    "payload.TestGetHeadersEncodeDecode": ("neo:PayloadRows.test_get_headers",),
    "payload.TestGetDataCommandType": _NEO_INVENTORY,
    "payload.TestNewInventory": _NEO_INVENTORY,
    "payload.TestEncodeDecodePayload": _NEO_INVENTORY,
    "payload.TestEmptyInv": _NEO_INVENTORY,
    "payload.TestNewHeaderMessage": _NEO_HEADERS,
    "payload.TestAddAndEncodeHeaders": _NEO_HEADERS,
    "payload.TestEncodeDecode": _NEO_HEADERS,
    "payload.TestValidNewVersionMessage": _NEO_VERSION,
    "payload.TestEncode": _NEO_VERSION,
    "payload.TestLenIsCorrect": _NEO_VERSION,
    "transaction.TestEncodeDecodeClaim": ("neo:TransactionRows.test_claim",),
    "transaction.TestEncodeDecodeContract": ("neo:TransactionRows.test_contract",),
    "transaction.TestEncodeDecodeEnrollment": ("neo:TransactionRows.test_enrollment",),
    "transaction.TestEncodeDecodeIssue": ("test_neo_vectors:GoldenTests.test_written_again",),
    "transaction.TestEncodeDecodeInvoc": ("neo:TransactionRows.test_invocation",),
    "transaction.TestEncodeDecodeInvocAttributes": ("neo:TransactionRows.test_invocation",),
    "transaction.TestEncodeDecodeMiner": ("neo:TransactionRows.test_miner",),
    "transaction.TestEncodeDecodePublish": ("neo:TransactionRows.test_publish",),
    "transaction.TestEncodeDecodeRegister": ("neo:TransactionRows.test_register",),
    "transaction.TestEncodeDecodeGenesisRegister": ("neo:TransactionRows.test_register",),
    "transaction.TestEncodeDecodeState": ("neo:TransactionRows.test_state",),
}

_EMPTY = "the test has nothing in it"
_VALUES = "a type of the seed's own for amounts, bytes or hashes; here they are plain int and bytes"
NEO_NOT_HERE = {
    "peermgr.TestUnknownPeer": "nobody tells of messages by hand here: a peer that is not the node's cannot do so",
    "payload.Test": _EMPTY,
    "payload.TestOtherFunctions": _EMPTY,
}
NEO_VALUES = {"fixed8": _VALUES, "slice": _VALUES, "util": _VALUES}
"""Whole packages of it."""
