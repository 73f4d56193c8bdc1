"""The tests that the references have of their packages `peer` and `wire`, by their own names.

They are the rows that `test_reference_rows` ticks off: each is shown by a test of ours, or has a reason why not.
"""

from __future__ import annotations


def names(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


BTCD_PEER = names(
    """
    Example_newOutboundPeer TestP2PDowngraderMarkAndShouldDowngrade TestP2PDowngraderLRUEviction
    TestP2PDowngraderMarkExistingUpdatesLRU TestDisconnectBeforeAssociateConnection
    TestAssociateConnectionDisconnectRace TestPeerConnection TestPeerListeners TestOutboundPeer
    TestUnsupportedVersionPeer TestDuplicateVersionMsg TestUpdateLastBlockHeight TestSendAddrV2Handshake
    TestV2HandshakeAdmission TestRecoverFromPanic
"""
)
"""btcd, commit 2c67bc29: `go test ./peer/...`."""

BTCD_PEER_OLD = names(
    "TestMruInventoryMap TestMruInventoryMapStringer TestMruNonceMap TestMruNonceMapStringer"
)
"""What its v0.20 has beside most of those."""

DECRED_PEER = names(
    """
    TestErrorKindStringer TestError TestErrorKindIsAs Example_newOutboundPeer TestPeerHandshake
    TestPeerHandshakeCallback TestPeerListeners TestOldProtocolVersion TestNoNewestBlock
    TestDuplicateVersionMsg TestNetFallback TestUpdateLastBlockHeight TestPushAddrV2Msg
    TestWriteMessageDeadline TestWriteMessageDeadlineError TestQueuedOutputLimit
    TestQueuedOutputBytesDeducted
"""
)
"""dcrd, commit 036b7090."""

SOTER_PEER = names(
    """
    Example_newOutboundPeer TestMruInventoryMap TestMruInventoryMapStringer TestMruNonceMap
    TestMruNonceMapStringer TestPeerConnection TestPeerListeners TestOutboundPeer TestUnsupportedVersionPeer
    TestMismatchedGenesisBlock TestIncompatibleUAVersion TestDuplicateVersionMsg
"""
)
"""soterd, commit b18452bc."""

KASPA_PEER = names(
    """
    Example_newOutboundPeer TestMruInventoryMap TestMruInventoryMapStringer TestMruNonceMap
    TestMruNonceMapStringer TestPeerConnection TestPeerListeners TestOutboundPeer TestUnsupportedVersionPeer
"""
)
"""kaspad v0.5.0."""

BTCD_WIRE = names(
    """
    TestBlockHeader TestBlockHeaderWire TestBlockHeaderSerialize TestElementWire TestElementWireErrors
    TestVarIntWire TestVarIntWireErrors TestVarIntNonCanonical TestVarIntSerializeSize TestVarStringWire
    TestVarStringWireErrors TestVarStringOverflowErrors TestVarBytesWire TestVarBytesWireErrors
    TestVarBytesOverflowErrors TestRandomUint64 TestRandomUint64Errors TestInvTypeStringer TestInvVect
    TestInvVectWire TestMessage TestReadMessageWireErrors TestReadMessageTrailingBytes
    TestReadV2MessageTrailingBytes TestWriteMessageWireErrors TestAddr TestAddrWire TestAddrWireErrors
    TestAddrV2Decode TestBlock TestBlockTxHashes TestBlockHash TestBlockWire TestBlockWireErrors
    TestBlockSerialize TestBlockSerializeErrors TestBlockOverflowErrors TestBlockSerializeSize
    TestFeeFilterLatest TestFeeFilterWire TestFeeFilterWireErrors TestFilterAddLatest
    TestFilterAddCrossProtocol TestFilterAddMaxDataSize TestFilterAddWireErrors TestFilterClearLatest
    TestFilterClearCrossProtocol TestFilterClearWire TestFilterClearWireErrors TestFilterLoadLatest
    TestFilterLoadCrossProtocol TestFilterLoadMaxFilterSize TestFilterLoadMaxHashFuncsSize
    TestFilterLoadWireErrors TestGetAddr TestGetAddrWire TestGetBlocks TestGetBlocksWire
    TestGetBlocksWireErrors TestGetData TestGetDataWire TestGetDataWireErrors TestGetHeaders
    TestGetHeadersWire TestGetHeadersWireErrors TestHeaders TestHeadersWire TestHeadersWireErrors TestInv
    TestInvWire TestInvWireErrors TestMemPool TestMerkleBlock TestMerkleBlockCrossProtocol
    TestMerkleBlockWire TestMerkleBlockWireErrors TestMerkleBlockOverflowErrors TestNotFound
    TestNotFoundWire TestNotFoundWireErrors TestPing TestPingBIP0031 TestPingCrossProtocol TestPingWire
    TestPingWireErrors TestPongLatest TestPongBIP0031 TestPongCrossProtocol TestPongWire TestPongWireErrors
    TestRejectCodeStringer TestRejectLatest TestRejectBeforeAdded TestRejectCrossProtocol TestRejectWire
    TestRejectWireErrors TestSendAddrV2 TestSendAddrV2BIP0130 TestSendAddrV2CrossProtocol TestSendAddrV2Wire
    TestSendHeaders TestSendHeadersBIP0130 TestSendHeadersCrossProtocol TestSendHeadersWire TestTx
    TestTxHash TestWTxSha TestTxWire TestTxWireErrors TestTxSerialize TestTxSerializeErrors
    TestTxOverflowErrors TestTxSerializeSizeStripped TestTxID TestTxWitnessSize TestTxOutPointFromString
    TestTxSuperfluousWitnessRecord TestTxWitnessOverflowPanic TestVerAck TestVerAckWire TestVersion
    TestVersionWire TestVersionWireErrors TestVersionOptionalFields TestWTxIdRelay TestWTxIdRelayBIP0130
    TestWTxIdRelayCrossProtocol TestWTxIdRelayWire TestNetAddress TestNetAddressWire
    TestNetAddressWireErrors TestIsIPv4Mapped TestNetAddressV2FromBytes TestReadNetAddressV2
    TestServiceFlagStringer TestBitcoinNetStringer TestHasFlag
"""
)
"""btcd, package `wire`."""

DECRED_WIRE = names(
    """
    TestBlockHeader TestBlockHeaderWire TestBlockHeaderSerialize TestBlockHeaderHashing TestElementWire
    TestElementWireErrors TestShortReads TestVarIntWire TestVarIntWireErrors TestVarIntNonCanonical
    TestVarIntSerializeSize TestVarStringWire TestVarStringWireErrors TestVarStringOverflowErrors
    TestAsciiVarStringWire TestAsciiVarStringWireErrors TestAsciiVarStringOverflowErrors TestVarBytesWire
    TestVarBytesWireErrors TestVarBytesOverflowErrors TestRandomUint64Errors TestMessageErrorCodeStringer
    TestMessageError TestErrorCodeIsAs TestInvTypeStringer TestInvVect TestInvVectWire TestMessage
    TestReadMessageWireErrors TestWriteMessageWireErrors TestAddr TestAddrWire TestAddrWireErrors
    TestAddrVersionEnforcement TestAddrV2MaxPayloadLength TestAddrV2 TestAddrV2Wire TestAddrV2BtcDecode
    TestAddrV2BtcEncode TestBlock TestBlockTxHashes TestBlockSTxHashes TestBlockHash TestBlockWire
    TestBlockWireErrors TestBlockSerialize TestBlockSerializeErrors TestBlockOverflowErrors
    TestBlockSerializeSize TestCFHeaders TestCFHeadersWire TestCFHeadersWireErrors
    TestCFHeadersMalformedErrors TestCFilter TestCFilterWire TestCFilterWireErrors
    TestCFilterMalformedErrors TestCFiltersV2 TestCFiltersV2PreviousProtocol TestCFiltersV2CrossProtocol
    TestCFiltersV2Wire TestCFiltersV2WireErrors TestCFilterV2 TestCFilterV2PreviousProtocol
    TestCFilterV2CrossProtocol TestCFilterV2Wire TestCFilterV2WireErrors TestCFTypes TestCFTypesWire
    TestCFTypesWireErrors TestCFTypesMalformedErrors TestFeeFilterLatest TestFeeFilterWire
    TestFeeFilterWireErrors TestGetAddr TestGetAddrWire TestGetBlocks TestGetBlocksWire
    TestGetBlocksWireErrors TestGetCFHeaders TestGetCFHeadersWire TestGetCFHeadersWireErrors
    TestGetCFHeadersMalformedErrors TestGetCFilter TestGetCFilterWire TestGetCFilterWireErrors
    TestGetCFilterMalformedErrors TestGetCFilterV2 TestGetCFilterV2PreviousProtocol
    TestGetCFilterV2CrossProtocol TestGetCFilterV2Wire TestGetCFilterV2WireErrors TestGetCFiltersV2
    TestGetCFiltersV2PreviousProtocol TestGetCFiltersV2CrossProtocol TestGetCFiltersV2Wire
    TestGetCFiltersV2WireErrors TestGetCFTypes TestGetCFTypesWire TestGetData TestGetDataWire
    TestGetDataWireErrors TestGetHeaders TestGetHeadersWire TestGetHeadersWireErrors TestGetInitState
    TestGetInitStateWire TestGetInitStateWireErrors TestGetMiningState TestGetMiningStateWire TestHeaders
    TestHeadersWire TestHeadersWireErrors TestInitState TestInitStateWire TestInitStateWireErrors TestInv
    TestInvWire TestInvWireErrors TestMemPool TestMiningState TestMiningStateWire TestMsgMixCiphertextsWire
    TestMsgMixCiphertextsCrossProtocol TestMsgMixCiphertextsMaxPayloadLength TestMsgMixConfirmWire
    TestMsgMixConfirmCrossProtocol TestMsgMixConfirmMaxPayloadLength TestMsgMixDCNetWire
    TestMsgMixDCNetCrossProtocol TestMsgMixDCNetMaxPayloadLength TestMsgMixFactoredPoly
    TestMsgMixFactoredPolyCrossProtocol TestMsgMixFactoredPolyMaxPayloadLength TestMsgMixKeyExchangeWire
    TestMsgMixKeyExchangeCrossProtocol TestMsgMixKeyExchangeMaxPayloadLength TestMsgMixPairReqWire
    TestNewMixPairReqErrs TestMsgMixPairReqCrossProtocol TestMsgMixPairReqMaxPayloadLength
    TestMsgMixSecretsWire TestMsgMixSecretsCrossProtocol TestMsgMixSecretsMaxPayloadLength
    TestMsgMixSlotReserveWire TestMsgMixSlotReserveCrossProtocol TestMsgMixSlotReserveMaxPayloadLength
    TestNotFound TestNotFoundWire TestNotFoundWireErrors TestPing TestPingWire TestPingWireErrors
    TestPongLatest TestPongWire TestPongWireErrors TestRejectCodeStringer TestRejectLatest
    TestRejectLastSupported TestRejectWire TestRejectWireErrors TestSendHeaders TestSendHeadersBIP0130
    TestSendHeadersCrossProtocol TestSendHeadersWire TestTx TestTxHash TestTxWire TestTxWireErrors
    TestTxSerialize TestTxSerializePrefix TestTxSerializeWitness TestTxSerializeErrors TestTxOverflowErrors
    TestTxSerializeSize TestVerAck TestVerAckWire TestVersion TestVersionWire TestVersionWireErrors
    TestVersionOptionalFields TestNetAddress TestNetAddressWire TestNetAddressWireErrors
    TestServiceFlagStringer TestCurrencyNetStringer
"""
)
"""dcrd, package `wire`."""

SOTER_WIRE = names(
    """
    TestBlockHeader TestBlockHeaderWire TestBlockHeaderSerialize TestElementWire TestElementWireErrors
    TestVarIntWire TestVarIntWireErrors TestVarIntNonCanonical TestVarIntSerializeSize TestVarStringWire
    TestVarStringWireErrors TestVarStringOverflowErrors TestVarBytesWire TestVarBytesWireErrors
    TestVarBytesOverflowErrors TestRandomUint64 TestRandomUint64Errors TestInvTypeStringer TestInvVect
    TestInvVectWire TestMessage TestReadMessageWireErrors TestWriteMessageWireErrors TestAddr TestAddrWire
    TestAddrWireErrors TestAddrCache TestAddrCacheWire TestAddrCacheWireErrors TestMsgAlert TestMsgAlertWire
    TestMsgAlertWireErrors TestAlert TestAlertErrors TestBlock TestBlockTxHashes TestBlockHash TestBlockWire
    TestBlockWireErrors TestBlockSerialize TestBlockSerializeErrors TestBlockOverflowErrors
    TestBlockSerializeSize TestFeeFilterLatest TestFeeFilterWire TestFeeFilterWireErrors TestFilterAddLatest
    TestFilterAddCrossProtocol TestFilterAddMaxDataSize TestFilterAddWireErrors TestFilterClearLatest
    TestFilterClearCrossProtocol TestFilterClearWire TestFilterClearWireErrors TestFilterLoadLatest
    TestFilterLoadCrossProtocol TestFilterLoadMaxFilterSize TestFilterLoadMaxHashFuncsSize
    TestFilterLoadWireErrors TestGetAddr TestGetAddrWire TestGetAddrCache TestGetAddrCacheWire TestGetBlocks
    TestGetBlocksWire TestGetBlocksWireErrors TestGetData TestGetDataWire TestGetDataWireErrors
    TestGetHeaders TestGetHeadersWire TestGetHeadersWireErrors TestHeaders TestHeadersWire
    TestHeadersWireErrors TestInv TestInvWire TestInvWireErrors TestMemPool TestMerkleBlock
    TestMerkleBlockCrossProtocol TestMerkleBlockWire TestMerkleBlockWireErrors TestMerkleBlockOverflowErrors
    TestNotFound TestNotFoundWire TestNotFoundWireErrors TestPing TestPingBIP0031 TestPingCrossProtocol
    TestPingWire TestPingWireErrors TestPongLatest TestPongBIP0031 TestPongCrossProtocol TestPongWire
    TestPongWireErrors TestRejectCodeStringer TestRejectLatest TestRejectBeforeAdded TestRejectCrossProtocol
    TestRejectWire TestRejectWireErrors TestSendHeaders TestSendHeadersBIP0130 TestSendHeadersCrossProtocol
    TestSendHeadersWire TestTx TestTxHash TestWTxSha TestTxWire TestTxWireErrors TestTxSerialize
    TestTxSerializeErrors TestTxOverflowErrors TestTxSerializeSizeStripped TestTxWitnessSize TestVerAck
    TestVerAckWire TestVersion TestVersionWire TestVersionWireErrors TestVersionOptionalFields
    TestNetAddress TestNetAddressWire TestNetAddressWireErrors TestParentsSubHeaderSerialize
    TestServiceFlagStringer TestSoterNetStringer TestVerificationSubHeader
"""
)
"""soterd, package `wire`."""

KASPA_WIRE = names(
    """
    TestBlockHeader TestBlockHeaderWire TestBlockHeaderSerialize TestBlockHeaderSerializeSize TestIsGenesis
    TestElementWire TestElementWireErrors TestVarIntWire TestVarIntWireErrors TestVarIntNonCanonical
    TestVarIntSerializeSize TestVarStringWire TestVarStringWireErrors TestVarStringOverflowErrors
    TestVarBytesWire TestVarBytesWireErrors TestVarBytesOverflowErrors TestInvTypeStringer TestInvVect
    TestInvVectWire TestMessage TestReadMessageWireErrors TestWriteMessageWireErrors TestAddr TestAddrWire
    TestAddrWireErrors TestBlock TestBlockHash TestConvertToPartial TestBlockWire TestBlockWireErrors
    TestBlockSerialize TestBlockSerializeErrors TestBlockOverflowErrors TestBlockSerializeSize
    TestBlockLocator TestBlockLocatorWire TestBlockLocatorWireErrors TestFeeFilterLatest TestFeeFilterWire
    TestFeeFilterWireErrors TestFilterAddLatest TestFilterAddCrossProtocol TestFilterAddMaxDataSize
    TestFilterAddWireErrors TestFilterClearLatest TestFilterClearCrossProtocol TestFilterClearWire
    TestFilterLoadLatest TestFilterLoadCrossProtocol TestFilterLoadMaxFilterSize
    TestFilterLoadMaxHashFuncsSize TestFilterLoadWireErrors TestGetAddr TestGetAddrWire TestGetBlockInvs
    TestGetBlockInvsWire TestGetBlockInvsWireErrors TestGetBlockLocator TestGetBlockLocatorWire
    TestGetBlockLocatorWireErrors TestGetData TestGetDataWire TestGetDataWireErrors TestGetSelectedTip
    TestGetSelectedTipWire TestInv TestInvWire TestInvWireErrors TestMerkleBlock
    TestMerkleBlockCrossProtocol TestMerkleBlockWire TestMerkleBlockWireErrors TestMerkleBlockOverflowErrors
    TestNotFound TestNotFoundWire TestNotFoundWireErrors TestPing TestPingCrossProtocol TestPingWire
    TestPingWireErrors TestPongLatest TestPongCrossProtocol TestPongWire TestPongWireErrors
    TestRejectCodeStringer TestRejectLatest TestRejectCrossProtocol TestRejectWire TestRejectWireErrors
    TestSelectedTip TestSelectedTipWire TestTx TestTxHashAndID TestTxWire TestTxWireErrors TestTxSerialize
    TestTxSerializeErrors TestTxOverflowErrors TestTxSerializeSize TestIsSubnetworkCompatible
    TestScriptFreeList TestVerAck TestVerAckWire TestVersion TestVersionWire TestVersionWireErrors
    TestNetAddress TestNetAddressWire TestNetAddressWireErrors TestServiceFlagStringer TestKaspaNetStringer
"""
)
"""kaspad v0.5.0, package `wire`."""

NEO = names(
    """
    peer.TestHandshake peer.TestConfigurations peer.TestPeerDisconnect peer.TestNotifyDisconnect
    stall.TestAddRemoveMessage stall.TestDeadlineWorks stall.TestDeadlineShouldNotBeEmpty
    peermgr.TestAddPeer peermgr.TestRequestBlocks peermgr.TestRequestHeaders peermgr.TestUnknownPeer
    peermgr.TestNotifyDisconnect wire.TestWriteMessageLen wire.TestReadMessage payload.TestBlockDecodeEncode
    payload.TestBlockSizeCalculation payload.Test payload.TestAddrMessageEncodeDecode payload.TestNewGetAddr
    payload.TestGetBlocksCommandType payload.TestGetDataCommandType payload.TestOtherFunctions
    payload.TestGetHeadersEncodeDecode payload.TestNewHeaderMessage payload.TestAddAndEncodeHeaders
    payload.TestEncodeDecode payload.TestNewInventory payload.TestEncodeDecodePayload payload.TestEmptyInv
    payload.TestNewVerack payload.TestValidNewVersionMessage payload.TestEncode payload.TestLenIsCorrect
    transaction.TestEncodeDecodeClaim transaction.TestEncodeDecodeContract transaction.TestEncodeDecodeEnrollment
    transaction.TestEncodeDecodeInvoc transaction.TestEncodeDecodeInvocAttributes
    transaction.TestEncodeDecodeIssue transaction.TestEncodeDecodeMiner transaction.TestEncodeDecodePublish
    transaction.TestEncodeDecodeRegister transaction.TestEncodeDecodeGenesisRegister
    transaction.TestEncodeDecodeState fixed8.TestFixed8Value fixed8.TestFixed8Add fixed8.TestFixed8AddRecursive
    fixed8.TestFromInt fixed8.TestFromFloat fixed8.TestFromString slice.TestSliceReverse
    slice.TestSliceReverseOddNumberOfElements slice.TestSliceReverseLen2 util.TestUInt160DecodeString
    util.TestUint160DecodeBytes util.TestUInt160Equals util.TestUint256DecodeString util.TestUint256DecodeBytes
    util.TestUInt256Equals
"""
)
"""neo-go's seed, commit 8afec1ea4: `peer`, `peer/stall`, `peermgr` and `wire`, by package."""
