"""What docs/internals/encryption.md says, once more and independently: opens what an encrypted object is stored as, with a
key of the keyring (or a client's own) and the object's description."""

import hashlib
import hmac
import re
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK, TAG, ID = 65536, 16, 32
KINDS = {1: "AES256", 2: "aws:kms", 3: "aws:kms:dsse", 4: "SSE-C"}


def derive(key, label, identity):
    return hmac.new(key, label + identity, hashlib.sha256).digest()


class Description:
    """Form 1, kind, bucket key, identity, name of the key, context, sealed key."""

    def __init__(self, data):
        form, kind, self.bucket_key = data[:3]
        assert form == 1, form
        self.kind = KINDS[kind]
        self.identity = data[3 : 3 + ID]
        at = 3 + ID
        length = data[at]
        self.key_name = data[at + 1 : at + 1 + length].decode()
        at += 1 + length
        (length,) = struct.unpack(">H", data[at : at + 2])
        self.context = data[at + 2 : at + 2 + length]
        at += 2 + length
        self.front, self.sealed = data[:at], data[at:]

    def open(self, key, bucket, name):
        """The object's key."""
        wrapping = derive(key, b"tercet wrap 1", self.identity)
        assert self.sealed[0] == 1
        return AESGCM(wrapping).decrypt(self.sealed[1:13], self.sealed[13:], self.front + f"{bucket}/{name}".encode())


def bound(identity, number, last):
    return bytes([last, 0, 0, 0]) + struct.pack(">Q", number), identity + bytes([last]) + struct.pack(">Q", number)


def open_stream(object_key, identity, stored):
    """The plain bytes of an object, or of a part."""
    cipher, plain = AESGCM(derive(object_key, b"tercet stream 1", identity)), b""
    count = -(-len(stored) // (BLOCK + TAG))
    for number in range(count):
        nonce, data = bound(identity, number, number == count - 1)
        begin = number * (BLOCK + TAG)
        plain += cipher.decrypt(nonce, stored[begin : begin + BLOCK + TAG], data)
    return plain


def seal_stream(object_key, identity, plain):
    cipher, stored = AESGCM(derive(object_key, b"tercet stream 1", identity)), b""
    count = -(-len(plain) // BLOCK)
    for number in range(count):
        nonce, data = bound(identity, number, number == count - 1)
        stored += cipher.encrypt(nonce, plain[number * BLOCK : (number + 1) * BLOCK], data)
    return stored


def find_descriptions(data, key_name):
    """Those of that name in bytes of a database: as attributes are packed, kind 6, length, document."""
    name = bytes([len(key_name)]) + key_name.encode()
    pattern = re.compile(rb"\x06(....)(\x01[\x01-\x04][\x00\x01].{32}" + re.escape(name) + rb")", re.DOTALL)
    for found in pattern.finditer(data):
        (length,) = struct.unpack(">I", found[1])
        if length < 20000:
            yield Description(data[found.start(2) : found.start(2) + length])


def read_keyring(path):
    """Name to key, and the name of the current one."""
    keys, current = {}, None
    with open(path, encoding="utf-8") as lines:
        for words in map(str.split, lines):
            if words and words[0] == "key":
                keys[words[1]] = bytes.fromhex(words[2])
            elif words and words[0] == "current":
                current = words[1]
    return keys, current
