#!/usr/bin/env python3
"""Makes the known-answer vectors of the stored formats, independently of the Rust code.

It shares nothing with the program but the specification: Argon2 is the reference implementation
(argon2-cffi), AES-GCM and CMAC are OpenSSL's (cryptography), HMAC and SHA-2 are Python's.

    python3 -m venv venv
    venv/bin/pip install argon2-cffi==25.1.0 cryptography==50.0.2
    venv/bin/python conformance/format/make_vectors.py            # writes vectors/*.vec
    venv/bin/python conformance/format/make_vectors.py --check    # compares, writes nothing

A vector file holds cases: lines of `key: value`, cases apart by an empty line, comments after `#`.
Bytes are hexadecimal. A key that is repeated holds the lines of a text.
The output is the same at every run: inputs come from SHA-256 over a label.
"""

import base64
import hashlib
import hmac
import json
import struct
import sys
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

VECTORS = Path(__file__).resolve().parent / "vectors"


# Inputs

def sample(label, size):
    """`size` bytes that only depend on the label."""
    out = b""
    while len(out) < size:
        out += hashlib.sha256(f"sealgate vector {label} {len(out)}".encode()).digest()
    return out[:size]


# Primitives

def hmac_sha256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(salt, ikm, info, size=32):
    """RFC 5869 with SHA-256, written out."""
    prk = hmac_sha256(salt, ikm)
    out, block, counter = b"", b"", 1
    while len(out) < size:
        block = hmac_sha256(prk, block + info + bytes([counter]))
        out += block
        counter += 1
    return out[:size]


def aes_gcm(key, nonce, aad, plain):
    return AESGCM(key).encrypt(nonce, plain, aad)


def xaes_256_gcm(key, nonce, aad, plain):
    """C2SP XAES-256-GCM, with CMAC as its specification says it."""
    def derive(counter):
        mac = CMAC(AES(key))
        mac.update(struct.pack(">H", counter) + b"X\0" + nonce[:12])
        return mac.finalize()
    return aes_gcm(derive(1) + derive(2), nonce[12:], aad, plain)


def unkeyed_tag(nonce, aad, data):
    parts = b"".join(struct.pack(">Q", len(part)) + part for part in (nonce, aad, data))
    return hashlib.sha256(b"sealgate unkeyed tag" + parts).digest()[:16]


def secret_keys(secret, salt, passes=3, memory_kib=65536, lanes=4):
    """The secret id and the key-encryption key of a secret."""
    out = hash_secret_raw(secret, salt, time_cost=passes, memory_cost=memory_kib,
                          parallelism=lanes, hash_len=64, type=Type.ID, version=19)
    return f"{b64(salt)}:{b64(out[:32])}", out[32:]


def b64(data):
    return base64.b64encode(data).decode()


# The key tree

def tree(volume, epoch, volume_key):
    number = struct.pack(">I", epoch)
    labels = {"content_root": "content root", "record_key": "record key", "name_key": "name key",
              "handle_key": "handle key", "header_key": "header key"}
    return {name: hkdf(volume, volume_key, f"sealgate v1 {label}".encode() + number)
            for name, label in labels.items()}


def segment_key(volume, content_root, segment):
    return hkdf(volume, content_root, b"sealgate v1 segment" + segment)


# Bindings: the domain after its length, then fields of fixed size or after their length

def field(data):
    return struct.pack(">I", len(data)) + data


def frame_aad(volume, segment, frame, codec, plain_len):
    return (field(b"sealgate frame v1") + volume + segment
            + struct.pack(">IBI", frame, codec, plain_len))


def directory_aad(volume, segment, footer):
    return field(b"sealgate segment directory v1") + volume + segment + field(footer)


def record_aad(volume, epoch, key):
    return field(b"sealgate record v1") + volume + struct.pack(">I", epoch) + field(key)


def slot_aad(volume, epoch, slot, kind, kdf):
    return (field(b"sealgate key slot v1") + volume + struct.pack(">II", epoch, slot)
            + field(kind) + field(kdf))


# Vector files

def secret_id_cases():
    for secret in ("correct horse battery staple", "Grüße, 世界!", "12345678", "x" * 1024):
        salt = sample(f"salt of {secret[:30]}", 16)
        secret_id, kek = secret_keys(secret.encode(), salt)
        yield {"secret": secret, "salt": salt, "passes": 3, "memory_kib": 65536, "lanes": 4,
               "secret_id": secret_id, "kek": kek}
    salt = sample("salt of other costs", 16)
    secret_id, kek = secret_keys(b"other costs", salt, passes=2, memory_kib=1000, lanes=3)
    yield {"secret": "other costs", "salt": salt, "passes": 2, "memory_kib": 1000, "lanes": 3,
           "secret_id": secret_id, "kek": kek}


def key_tree_cases():
    for index, (epoch, zero) in enumerate([(1, False), (2, False), (0xFFFFFFFF, False), (1, True)]):
        volume, segment = sample(f"volume {index}", 16), sample(f"segment {index}", 16)
        volume_key = bytes(32) if zero else sample(f"volume key {index}", 32)
        keys = tree(volume, epoch, volume_key)
        case = {"volume_id": volume, "epoch": epoch, "volume_key": volume_key, **keys,
                "segment_id": segment,
                "segment_key": segment_key(volume, keys["content_root"], segment)}
        yield case


def xaes_cases():
    published = [
        (b"\x01" * 32, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (b"\x03" * 32, b"c2sp.org/XAES-256-GCM",
         "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
    ]
    nonce, plain = b"ABCDEFGHIJKLMNOPQRSTUVWX", b"XAES-256-GCM"
    for key, aad, sealed in published:
        assert xaes_256_gcm(key, nonce, aad, plain).hex() == sealed
        yield {"source": "C2SP", "key": key, "nonce": nonce, "aad": aad, "plain": plain,
               "sealed": bytes.fromhex(sealed)}
    check_accumulated()
    for index, (aad_len, plain_len) in enumerate([(0, 0), (1, 1), (40, 15), (17, 16), (300, 1000)]):
        key, nonce = sample(f"xaes key {index}", 32), sample(f"xaes nonce {index}", 24)
        aad, plain = sample(f"xaes aad {index}", aad_len), sample(f"xaes plain {index}", plain_len)
        yield {"source": "this script", "key": key, "nonce": nonce, "aad": aad, "plain": plain,
               "sealed": xaes_256_gcm(key, nonce, aad, plain)}


def check_accumulated():
    """C2SP's accumulated vector: this implementation is right over 10,000 random inputs."""
    drawn = hashlib.shake_128().digest(8_000_000)
    offset = 0

    def take(size):
        nonlocal offset
        out = drawn[offset:offset + size]
        assert len(out) == size
        offset += size
        return out

    sealed = hashlib.shake_128()
    for _ in range(10_000):
        key, nonce = take(32), take(24)
        plain = take(take(1)[0])
        aad = take(take(1)[0])
        sealed.update(xaes_256_gcm(key, nonce, aad, plain))
    assert sealed.hexdigest(32) == \
        "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"


def frame_cases():
    volume, segment = sample("frame volume", 16), sample("frame segment", 16)
    for suite in ("aes-256-gcm", "none"):
        volume_key = sample("frame volume key", 32) if suite != "none" else bytes(32)
        key = segment_key(volume, tree(volume, 1, volume_key)["content_root"], segment)
        head = {"suite": suite, "volume_id": volume, "epoch": 1, "volume_key": volume_key,
                "segment_id": segment}

        def seal(nonce, aad, plain):
            if suite == "none":
                return plain + unkeyed_tag(nonce, aad, plain)
            return aes_gcm(key, nonce, aad, plain)

        for frame, codec, plain_len, size in [(0, 0, 64, 64), (1, 1, 65536, 200),
                                              (0xFFFFFFFF, 2, 1, 1)]:
            plain = sample(f"frame {frame}", size)
            aad = frame_aad(volume, segment, frame, codec, plain_len)
            nonce = struct.pack(">QI", 0, frame)
            yield {"kind": "frame", **head, "frame": frame, "codec": codec, "plain_len": plain_len,
                   "plain": plain, "aad": aad, "sealed": seal(nonce, aad, plain)}
        footer, plain = sample("footer", 40), sample("directory", 90)
        aad = directory_aad(volume, segment, footer)
        yield {"kind": "directory", **head, "footer": footer, "plain": plain, "aad": aad,
               "sealed": seal(b"\xff" * 4 + bytes(8), aad, plain)}


def record_cases():
    volume = sample("record volume", 16)
    for suite in ("aes-256-gcm", "none"):
        volume_key = sample("record volume key", 32) if suite != "none" else bytes(32)
        for epoch, key, size in [(1, b"I" + bytes(7) + b"\x01", 60), (3, b"", 0),
                                 (1, b"D" + sample("record key", 16), 500)]:
            record_key = tree(volume, epoch, volume_key)["record_key"]
            nonce, plain = sample(f"record nonce {size}", 24), sample(f"record {size}", size)
            aad = record_aad(volume, epoch, key)
            if suite == "none":
                body = plain + unkeyed_tag(nonce, aad, plain)
            else:
                body = xaes_256_gcm(record_key, nonce, aad, plain)
            yield {"suite": suite, "volume_id": volume, "epoch": epoch, "volume_key": volume_key,
                   "key": key, "random": nonce, "plain": plain, "aad": aad,
                   "sealed": struct.pack(">BI", 1, epoch) + nonce + body}


def name_hash_cases():
    volume, volume_key = sample("name volume", 16), sample("name volume key", 32)
    name_key = tree(volume, 1, volume_key)["name_key"]
    for parent, name in [(1, b"a"), (1, b"b"), (2, b"a"), (2**64 - 1, b"\xff" * 255),
                         (1, "Grüße.txt".encode())]:
        mac = hmac_sha256(name_key, struct.pack(">Q", parent) + name)
        place = max((struct.unpack(">Q", mac[:8])[0] >> 1) & ~0xF, 0x10)
        yield {"volume_id": volume, "epoch": 1, "volume_key": volume_key, "parent": parent,
               "name": name, "hash": place}


def handle_mac_cases():
    volume, volume_key = sample("handle volume", 16), sample("handle volume key", 32)
    handle_key = tree(volume, 1, volume_key)["handle_key"]
    for size in (0, 1, 16, 48, 200):
        data = sample(f"handle {size}", size)
        yield {"volume_id": volume, "epoch": 1, "volume_key": volume_key, "bytes": data,
               "mac": hmac_sha256(handle_key, data)[:16]}


def header_text(fields):
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"


def finish_header(fields, header_key):
    """Adds the MAC over the text without MAC and checksum, then the checksum."""
    if header_key is not None:
        fields["mac"] = b64(hmac_sha256(header_key, header_text(fields).encode()))
    fields["checksum"] = b64(hashlib.sha256(header_text(fields).encode()).digest())
    return header_text(fields).splitlines()


def header_cases():
    created, set_at = 1_700_000_000, 1_700_000_123

    def new(volume, **changes):
        return {
            "sealgate_volume": 1, "generation": 1, "volume_id": volume.hex(),
            "name": "Grüße \"from\" \\ here", "created_unix": created,
            "encryption": "aes-256-gcm", "compression": "lz4", "extent_bytes": 65536,
            "inline_bytes_max": 8192, "engine": "slate", "sse": {"mode": "none", "key_id": None},
            "epoch": 1, "secret_id": None, "slots": [], "mac": None, "checksum": None, **changes,
        }

    def facts(fields):
        return {"volume_id": bytes.fromhex(fields["volume_id"]), "name": fields["name"],
                "created": created, "suite": fields["encryption"],
                "compression": fields["compression"], "extent_bytes": fields["extent_bytes"],
                "inline_bytes_max": fields["inline_bytes_max"], "sse": fields["sse"]["mode"],
                "sse_key_id": fields["sse"]["key_id"] or ""}

    volume = sample("header volume", 16)
    fields = new(volume, sse={"mode": "kms", "key_id": "alias/volumes"})
    yield {"kind": "new", **facts(fields), "line": finish_header(fields, None)}

    secret, salt = "correct horse battery staple", sample("header salt", 16)
    volume_key, nonce = sample("header volume key", 32), sample("header nonce", 12)
    secret_id, kek = secret_keys(secret.encode(), salt)
    kdf = (struct.pack(">H", 8) + b"argon2id" + struct.pack(">IIII", 19, 3, 65536, 4) + salt)
    wrapped = nonce + aes_gcm(kek, nonce, slot_aad(volume, 1, 0, b"passphrase", kdf), volume_key)
    slot = {"id": 0, "kind": "passphrase", "label": "volume secret", "created_unix": set_at,
            "kdf": {"algorithm": "argon2id", "version": 19, "passes": 3, "memory_kib": 65536,
                    "lanes": 4, "salt": b64(salt)},
            "keys": [{"epoch": 1, "wrapped": b64(wrapped)}]}
    fields = new(volume, generation=2, secret_id=secret_id, slots=[slot],
                 sse={"mode": "kms", "key_id": "alias/volumes"})
    header_key = tree(volume, 1, volume_key)["header_key"]
    yield {"kind": "secret", **facts(fields), "secret": secret, "set_at": set_at,
           "random": salt + volume_key + nonce, "volume_key": volume_key,
           "line": finish_header(fields, header_key)}

    volume = sample("plain volume", 16)
    fields = new(volume, name="", encryption="none", compression="zstd", extent_bytes=16384,
                 inline_bytes_max=0, sse={"mode": "customer", "key_id": None})
    header_key = tree(volume, 1, bytes(32))["header_key"]
    yield {"kind": "plain", **facts(fields), "volume_key": bytes(32),
           "line": finish_header(fields, header_key)}


FILES = {
    "secret_id": (secret_id_cases, "Argon2id v1.3: 32 bytes for the secret id, 32 for the KEK."),
    "key_tree": (key_tree_cases, "HKDF-SHA256: the keys of one epoch and of one segment."),
    "xaes": (xaes_cases, "XAES-256-GCM: C2SP's published vectors and more."),
    "frame": (frame_cases, "Frames and segment directories."),
    "record": (record_cases, "Metadata records; `random` is what the nonce is drawn from."),
    "name_hash": (name_hash_cases, "Places of names in their directory."),
    "handle_mac": (handle_mac_cases, "MACs of file handles."),
    "header": (header_cases, "Volume headers; `line` holds the text, line by line."),
}


def render(title, cases):
    out = [f"# {title} Made by make_vectors.py."]
    for case in cases:
        out.append("")
        for key, value in case.items():
            for item in value if isinstance(value, list) else [value]:
                text = item.hex() if isinstance(item, bytes) else str(item)
                out.append(f"{key}: {text}" if text else f"{key}:")
    return "\n".join(out) + "\n"


def main():
    check = sys.argv[1:] == ["--check"]
    wrong = []
    VECTORS.mkdir(exist_ok=True)
    for name, (cases, title) in FILES.items():
        path, text = VECTORS / f"{name}.vec", render(title, cases())
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong.append(path.name)
    if wrong:
        sys.exit(f"these vector files differ: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
