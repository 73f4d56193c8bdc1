// A NEO 2 node with a chain of its own, whose one validator it is; on loopback only. A seed is tcp://127.0.0.1:PORT.
// PEERPROTO_NEO_NODE=FOLDER node neo_node.cjs PORT RPC_PORT CHAIN_FOLDER BLOCKS_A_SECOND ordered|as-published [SEED...]
'use strict';
const path = require('path');
const { createRequire } = require('module');

const load = createRequire(path.join(path.resolve(process.env.PEERPROTO_NEO_NODE), 'anything'));
const { FullNode } = load('@neo-one/node');
const { createMain } = load('@neo-one/node-neo-settings');
const { common, crypto } = load('@neo-one/client-common');

const [port, rpcPort, folder, rate, form, ...seeds] = process.argv.slice(2);
const HEADER_BYTES = 24;
const HOST = '127.0.0.1';

// The key of a validator of the usual private net, in neo-go's tests for all to read: it guards nothing.
const PRIVATE_KEY = '347bc2bd9eb7b9f41a217a26dc5a3d2a3c25ece1c8bff1d5a146aaf4156e3436';
const validator = crypto.privateKeyToPublicKey(common.stringToPrivateKey(PRIVATE_KEY));

// No two blocks have the same second. Who wants more of them in one gets a clock that is faster, and begins an hour ago.
if (Number(rate) > 1) {
  const now = Date.now.bind(Date);
  const began = now();
  Date.now = () => began - 3600 * 1000 + (now() - began) * Number(rate);
}

// As it is published, the node takes the messages that have come together last one first.
if (form !== 'as-published') {
  const { Message, MessageTransform } = load('@neo-one/node-protocol/dist/cjs/Message');
  MessageTransform.prototype.processBuffer = function firstOneFirst(reader) {
    const { context } = this;
    const mutableMessages = [];
    for (;;) {
      const waiting = reader.remainingBuffer;
      if (waiting.length >= 4 && waiting.readUInt32LE(0) !== context.messageMagic) throw new Error('wrong magic');
      if (waiting.length < HEADER_BYTES || waiting.length < HEADER_BYTES + waiting.readUInt32LE(16)) {
        return { remainingBuffer: waiting, mutableMessages };
      }
      mutableMessages.push(Message.deserializeWireBase({ context, reader }));
    }
  };
}

const owner = crypto.toScriptHash(crypto.createMultiSignatureVerificationScript(1, [validator]));
const blockchain = createMain({
  standbyValidators: [common.ecPointToString(validator)],
  address: common.uInt160ToString(owner),
  secondsPerBlock: 1 / Number(rate),
});
blockchain.messageMagic = 56753;

const node = new FullNode({
  options: {
    path: folder,
    blockchain,
    node: { externalPort: Number(port), consensus: { privateKey: PRIVATE_KEY, privateNet: true } },
    network: { listenTCP: { host: HOST, port: Number(port) }, seeds, peerSeeds: [], maxConnectedPeers: 10 },
    rpc: { http: { host: HOST, port: Number(rpcPort) } },
    telemetry: { logging: { level: 'info' } },
  },
});

function leave(code) {
  node.stop().then(() => process.exit(code), () => process.exit(1));
  setTimeout(() => process.exit(code), 3000).unref();
}

process.on('SIGTERM', () => leave(0));
node.start().catch((error) => {
  console.error(error);
  process.exit(1);
});
