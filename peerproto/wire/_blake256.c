/* BLAKE-256 for Python: blake256(buffer) -> 32 bytes, blake256_pieces(sequence of buffers) -> 32 bytes.
 *
 * Written from the specification (Aumasson, Henzen, Meier, Phan: "SHA-3 proposal BLAKE", version 1.3, section 2).
 * peerproto/wire/blake256.py has the same in Python and is used where this is not compiled; the tests hold the two
 * against each other. Only the stable ABI of Python 3.11 is used, so one build serves all later versions.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

/* Below so many bytes it takes longer to let other threads run than to hash. */
#define MUCH 2048

typedef uint32_t word;

/* The first 512 bits of pi behind the point. */
#define PI0 0x243F6A88u
#define PI1 0x85A308D3u
#define PI2 0x13198A2Eu
#define PI3 0x03707344u
#define PI4 0xA4093822u
#define PI5 0x299F31D0u
#define PI6 0x082EFA98u
#define PI7 0xEC4E6C89u
#define PI8 0x452821E6u
#define PI9 0x38D01377u
#define PI10 0xBE5466CFu
#define PI11 0x34E90C6Cu
#define PI12 0xC0AC29B7u
#define PI13 0xC97C50DDu
#define PI14 0x3F84D5B5u
#define PI15 0xB5470917u

static const word START[8] = {
    0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au, 0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u,
};

#define TURN(x, bits) ((x) >> (bits) | (x) << (32 - (bits)))

/* Mixes four words of the state with the words i and j of the block. */
#define MIX(a, b, c, d, i, j)       \
    do {                            \
        a += b + (m[i] ^ PI##j);    \
        d = TURN(d ^ a, 16);        \
        c += d;                     \
        b = TURN(b ^ c, 12);        \
        a += b + (m[j] ^ PI##i);    \
        d = TURN(d ^ a, 8);         \
        c += d;                     \
        b = TURN(b ^ c, 7);         \
    } while (0)

/* The columns of the state, then its diagonals, with the words of the block in this order. */
#define ROUND(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P) \
    do {                                                      \
        MIX(v0, v4, v8, v12, A, B);                           \
        MIX(v1, v5, v9, v13, C, D);                           \
        MIX(v2, v6, v10, v14, E, F);                          \
        MIX(v3, v7, v11, v15, G, H);                          \
        MIX(v0, v5, v10, v15, I, J);                          \
        MIX(v1, v6, v11, v12, K, L);                          \
        MIX(v2, v7, v8, v13, M, N);                           \
        MIX(v3, v4, v9, v14, O, P);                           \
    } while (0)

#define ROUND_0 ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define ROUND_1 ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
#define ROUND_2 ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4)
#define ROUND_3 ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8)
#define ROUND_4 ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13)
#define ROUND_5 ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9)
#define ROUND_6 ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11)
#define ROUND_7 ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10)
#define ROUND_8 ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5)
#define ROUND_9 ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0)

static word
big_endian(const unsigned char *bytes)
{
    return (word)bytes[0] << 24 | (word)bytes[1] << 16 | (word)bytes[2] << 8 | bytes[3];
}

/* Takes a block of 64 bytes into the chaining value; `counted` are the bits of the message up to and with this
 * block, or 0 if none of them is in it. */
static void
compress(word h[8], const unsigned char *block, uint64_t counted)
{
    word low = (word)counted, high = (word)(counted >> 32);
    word v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    word v8 = PI0, v9 = PI1, v10 = PI2, v11 = PI3;
    word v12 = PI4 ^ low, v13 = PI5 ^ low, v14 = PI6 ^ high, v15 = PI7 ^ high;
    word m[16];
    int i;

    for (i = 0; i < 16; i++) {
        m[i] = big_endian(block + 4 * i);
    }
    ROUND_0;
    ROUND_1;
    ROUND_2;
    ROUND_3;
    ROUND_4;
    ROUND_5;
    ROUND_6;
    ROUND_7;
    ROUND_8;
    ROUND_9;
    ROUND_0;
    ROUND_1;
    ROUND_2;
    ROUND_3;
    h[0] ^= v0 ^ v8;
    h[1] ^= v1 ^ v9;
    h[2] ^= v2 ^ v10;
    h[3] ^= v3 ^ v11;
    h[4] ^= v4 ^ v12;
    h[5] ^= v5 ^ v13;
    h[6] ^= v6 ^ v14;
    h[7] ^= v7 ^ v15;
}

/* A message of which some has come: the chaining value of its whole blocks, and what is behind them. */
typedef struct {
    word h[8];
    unsigned char rest[64];
    size_t held;
    uint64_t size;
} state;

static void
begin(state *s)
{
    memcpy(s->h, START, sizeof s->h);
    s->held = 0;
    s->size = 0;
}

static void
take(state *s, const unsigned char *data, size_t size)
{
    if (s->held && size) {
        size_t room = 64 - s->held, first = size < room ? size : room;
        memcpy(s->rest + s->held, data, first);
        s->held += first;
        s->size += first;
        data += first;
        size -= first;
        if (s->held < 64) {
            return;
        }
        compress(s->h, s->rest, 8 * s->size);
        s->held = 0;
    }
    for (; size >= 64; size -= 64, data += 64) {
        s->size += 64;
        compress(s->h, data, 8 * s->size);
    }
    if (size) {
        memcpy(s->rest, data, size);
        s->held = size;
        s->size += size;
    }
}

/* The padding: a bit 1, zeros, a bit 1, the length in bits; then the digest as bytes. */
static PyObject *
end(state *s)
{
    unsigned char *block = s->rest, digest[32];
    size_t held = s->held;
    uint64_t bits = 8 * s->size;
    int i;

    memset(block + held, 0, 64 - held);
    block[held] = 0x80;
    if (held > 55) {
        compress(s->h, block, bits);
        memset(block, 0, 64);
        held = 0;
    }
    block[55] |= 0x01;
    for (i = 0; i < 8; i++) {
        block[63 - i] = (unsigned char)(bits >> 8 * i);
    }
    compress(s->h, block, held ? bits : 0);
    for (i = 0; i < 32; i++) {
        digest[i] = (unsigned char)(s->h[i / 4] >> (24 - 8 * (i % 4)));
    }
    return PyBytes_FromStringAndSize((const char *)digest, sizeof digest);
}

static int
take_buffer(state *s, PyObject *data)
{
    Py_buffer view;

    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    if (view.len < MUCH) {
        take(s, view.buf, (size_t)view.len);
    } else {
        Py_BEGIN_ALLOW_THREADS
        take(s, view.buf, (size_t)view.len);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&view);
    return 0;
}

static PyObject *
blake256(PyObject *module, PyObject *data)
{
    state s;

    (void)module;
    begin(&s);
    return take_buffer(&s, data) < 0 ? NULL : end(&s);
}

static PyObject *
blake256_pieces(PyObject *module, PyObject *pieces)
{
    state s;
    PyObject *each = PyObject_GetIter(pieces), *piece;

    (void)module;
    if (each == NULL) {
        return NULL;
    }
    begin(&s);
    while ((piece = PyIter_Next(each)) != NULL) {
        int fault = take_buffer(&s, piece);
        Py_DECREF(piece);
        if (fault) {
            break;
        }
    }
    Py_DECREF(each);
    return PyErr_Occurred() ? NULL : end(&s);
}

static PyMethodDef methods[] = {
    {"blake256", blake256, METH_O, "The 32 bytes of BLAKE-256 of any contiguous buffer."},
    {"blake256_pieces", blake256_pieces, METH_O, "The same of buffers one behind the other."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "peerproto.wire._blake256", "BLAKE-256 in C.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__blake256(void)
{
    return PyModuleDef_Init(&definition);
}
