#!/usr/bin/env python3
"""proto/README.md against the golden files, by an implementation that knows nothing but that text.

Usage: test_proto_readme.py SOURCE_ROOT
Uses no line of the hub: protobuf, Ed25519, X25519, HPKE and the referral table are written here
anew, slow and small. Ends with "N passed, N failed"; exits 1 when a test failed.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import traceback

ROOT = sys.argv[1]
TYPES = "application/vnd.maillon."


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


README = read("proto", "README.md")
GOLDEN = {name: json.loads(read("tests", "vectors", "golden", name))
          for name in sorted(os.listdir(os.path.join(ROOT, "tests", "vectors", "golden")))}
CRYPTO, OBJECTS, LINK = (GOLDEN[n] for n in ("crypto.json", "objects.json", "link.json"))
NOTICE, CHAIN = GOLDEN["notice.json"], GOLDEN["referral_chain.json"]


def value(text):
    """Hex, or "32 bytes 01"."""
    repeated = re.fullmatch(r"(\d+) bytes ([0-9a-f]{2})", text)
    return bytes([int(repeated[2], 16)]) * int(repeated[1]) if repeated else bytes.fromhex(text)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# Section 2: protobuf, PAE, oid, base32.

def take_varint(data, at):
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return result, at


def put_varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def decode(data):
    """{field number: [values]}; numbers and bytes only."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = take_varint(data, at)
        number, wire = tag >> 3, tag & 7
        assert number > 0 and wire in (0, 2), (number, wire)
        content, at = take_varint(data, at)
        if wire == 2:
            assert at + content <= len(data)
            content, at = data[at:at + content], at + content
        fields.setdefault(number, []).append(content)
    return fields


def one(fields, number, default=b""):
    assert len(fields.get(number, [])) <= 1, number
    return fields.get(number, [default])[0]


def put(number, content):
    if isinstance(content, int):
        return put_varint(number << 3) + put_varint(content) if content else b""
    return put_varint(number << 3 | 2) + put_varint(len(content)) + content if content else b""


def pae(kind, body):
    kind = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def oid_of(kind, body):
    return sha256(b"hfp/oid/v1\0", pae(kind, body))


def base32(data):
    return base64.b32encode(data).decode().rstrip("=").lower()


# Section 4: Ed25519 (RFC 8032), cofactorless. Section 7: X25519, ChaCha20-Poly1305, HPKE.

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, p):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = add(result, p)
        p = add(p, p)
        n >>= 1
    return result


def compress(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2 ** 255 - 1)
    assert y < P, "not canonical"
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - x2) % P == 0, "no point"
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point(b"\x58" + b"\x66" * 31)


def public_of(seed):
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return compress(times(scalar & (2 ** 254 - 8) | 2 ** 254, BASE))


def verify(public, message, sig):
    s = int.from_bytes(sig[32:], "little")
    k = int.from_bytes(hashlib.sha512(sig[:32] + public + message).digest(), "little") % L
    return s < L and compress(times(s, BASE)) == compress(
        add(point(sig[:32]), times(k, point(public))))


def x25519(secret, public):
    k = int.from_bytes(secret, "little") & (2 ** 254 - 8) | 2 ** 254
    u = int.from_bytes(public, "little") & (2 ** 255 - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        x3, z3 = pow(da + cb, 2, P), u * pow(da - cb, 2, P) % P
        x2, z2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def chacha20(key, nonce, counter, data):
    def words(raw):
        return [int.from_bytes(raw[i:i + 4], "little") for i in range(0, len(raw), 4)]

    def rotate(v, n):
        return (v << n | v >> 32 - n) & 0xffffffff

    out = bytearray()
    for block in range(0, len(data), 64):
        start = words(b"expand 32-byte k" + key) + [counter + block // 64] + words(nonce)
        s = list(start)
        for i in range(80):
            column = i % 8
            a, b, c, d = ((column, column + 4, column + 8, column + 12) if column < 4 else
                          (column - 4, (column - 3) % 4 + 4, (column - 2) % 4 + 8,
                           (column - 1) % 4 + 12))
            for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                s[x] = (s[x] + s[y]) & 0xffffffff
                s[z] = rotate(s[z] ^ s[x], n)
        stream = b"".join((x + y & 0xffffffff).to_bytes(4, "little") for x, y in zip(s, start))
        out += bytes(x ^ y for x, y in zip(data[block:block + 64], stream))
    return bytes(out)


def tag_of(key, nonce, aad, ct):
    once = chacha20(key, nonce, 0, bytes(32))
    r = int.from_bytes(once[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    text = (aad + bytes(-len(aad) % 16) + ct + bytes(-len(ct) % 16) +
            len(aad).to_bytes(8, "little") + len(ct).to_bytes(8, "little"))
    acc = 0
    for i in range(0, len(text), 16):
        acc = (acc + int.from_bytes(text[i:i + 16] + b"\1", "little")) * r % (2 ** 130 - 5)
    return ((acc + int.from_bytes(once[16:], "little")) % 2 ** 128).to_bytes(16, "little")


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def labeled_extract(suite, salt, label, ikm):
    return mac(salt or bytes(32), b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return mac(prk, info + b"\1")[:length]


def hpke_key(dh, enc, recipient, info):
    kem, suite = b"KEM\0\x20", b"HPKE\0\x20\0\1\0\3"
    prk = labeled_extract(kem, b"", b"eae_prk", dh)
    shared = labeled_expand(kem, prk, b"shared_secret", enc + recipient, 32)
    context = (b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"") +
               labeled_extract(suite, b"", b"info_hash", info))
    secret = labeled_extract(suite, shared, b"secret", b"")
    return (labeled_expand(suite, secret, b"key", context, 32),
            labeled_expand(suite, secret, b"base_nonce", context, 12))


U9 = (9).to_bytes(32, "little")


# Section 3.

def check_of(node):
    bits = int.from_bytes(sha256(b"hfp/check/v1\0", node)[:2], "big") >> 6
    digits = "abcdefghijklmnopqrstuvwxyz234567"
    return digits[bits >> 5] + digits[bits & 31]


def node_text(node):
    return base32(node) + check_of(node)


# Section 5.

class Object:
    def __init__(self, signed, kind=None):
        fields = decode(signed)
        assert one(fields, 1) == 1
        self.kind = one(fields, 2).decode()
        self.raw = one(fields, 3)
        self.sigs = [decode(sig) for sig in fields[4]]
        self.oid = oid_of(self.kind, self.raw)
        self.body = decode(self.raw)
        head = decode(one(self.body, 1))
        self.node, self.incarnation = one(head, 1), one(head, 2, 0)
        self.stream, self.seq, self.prev = one(head, 3), one(head, 4, 0), one(head, 5)
        self.created_s, self.expires_s = one(head, 6, 0), one(head, 7, 0)
        assert kind is None or self.kind == TYPES + kind, self.kind
        assert len(self.stream) in (0, 32) and self.seq >= 1
        assert len(self.prev) == (32 if self.seq > 1 else 0)

    def signed_by(self, public):
        return any(one(sig, 1) == public[:8] and
                   verify(public, pae(self.kind, self.raw), one(sig, 2)) for sig in self.sigs)


def table_after(text):
    """Rows of the first table after `text`, as lists of cells."""
    rows = []
    for line in README[README.index(text):].splitlines()[1:]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif rows:
            break
    return rows[2:]


# ---- tests ----

def every_hex_block_is_a_field_of_a_golden_file():
    blocks = re.findall(r"^```hex (\S+) (\S+)\n(.*?)\n```$", README, re.S | re.M)
    assert len(blocks) >= 15 and len(blocks) == README.count("```hex")
    for name, path, text in blocks:
        field = GOLDEN[name]
        for step in path.split("."):
            field = field[int(step)] if isinstance(field, list) else field[step]
        assert "".join(text.split()) == field, path


def every_long_hex_number_is_in_a_golden_file():
    everything = json.dumps(GOLDEN)
    prose = re.sub(r"^```hex.*?^```$", "", README, flags=re.S | re.M)
    for number in re.findall(r"\b[0-9a-f]{16,}\b", prose):
        assert number in everything, number
    for text in (CRYPTO["node_id_text"], CRYPTO["node_id_words"].split()[0], OBJECTS["invite"]):
        assert text in README, text


def limits_of_the_code():
    defined = {}
    for name, number in re.findall(r"^#define (\w+) +(.*?)(?: */\*.*)?$",
                                   read("proto", "limits.h"), re.M):
        number = re.sub(r"[A-Z]\w+", lambda known: str(defined[known[0]]), number)
        assert re.fullmatch(r"[\d +*()]+", number), number
        defined[name] = eval(number)  # digits and operators only
    return defined


def the_limits_are_those_of_limits_h():
    defined = limits_of_the_code()
    told = {}
    for row in table_after("## 22. Limits"):
        told.update((row[i], int(row[i + 1])) for i in (0, 2) if row[i])
    assert told == defined, set(told.items()) ^ set(defined.items())


def the_messages_shown_are_those_of_the_schema():
    schema = "".join(read("proto", "maillon", "hfp", "v1", name + ".proto")
                     for name in ("object", "link"))
    shown = re.findall(r"message (\w+) +\{(.*?)\}", "".join(
        re.findall(r"^```proto\n(.*?)^```", README, re.S | re.M)), re.S)
    assert len(shown) == 5
    for name, body in shown:
        real = re.search(r"message %s \{(.*?)\n\}" % name, schema, re.S)[1]
        fields = re.findall(r"([\w ]+\w) (\w+) = (\d+);", body)
        assert [f[1:] for f in fields] == re.findall(r"(\w+) = (\d+);", real), name


def the_roles_are_those_of_the_method_tables():
    bits = {"caseworker", "coordinator", "secretary", "admin"}
    told = {}
    for names, roles in table_after("makes a repetition safe."):
        service, first = names.split(", ")[0].split("/")
        for name in [first] + names.split(", ")[1:]:
            words = set(roles.split(";")[0].replace("no token", "person").split(", "))
            told[service, name] = (set() if roles.startswith("nobody") else
                                   words - {"any"} | bits if "any" in words else words)
    real = {}
    owners = {"gossip": "circles", "import": "directory", "sign_in": "accounts"}  # several files
    for file in sorted(os.listdir(os.path.join(ROOT, "hub", "api"))):
        if not re.fullmatch(r"methods_\w+\.c", file):
            continue
        part = file.removeprefix("methods_").removesuffix(".c")
        service = owners.get(part, part)
        source = read("hub", "api", file)
        macros = dict(re.findall(r"#define (\w+) +\(?((?:ROLE_\w+(?: \| )?)+)\)?", source))
        for name, roles in re.findall(r'\{\s*[A-Z]+, "(\w+)", ([^,]+),', source):
            words = macros.get(roles, roles).replace("ROLE_", "").lower().split(" | ")
            words = set(words) - {"unprotected"}
            real[service.capitalize(), name] = (words - {"any"} | bits if "any" in words else
                                                set() if words == {"none"} else words)
    assert told == real, set(map(str, told.items())) ^ set(map(str, real.items()))


def the_statuses_of_errors_are_those_of_the_code():
    told = {}
    for row in table_after("**Errors** are JSON"):
        told.update((row[i], row[i + 1]) for i in (0, 2))
    real = dict(re.findall(r'\{ERR_\w+, "(\w+)", (\d+)\}', read("hub", "api", "rpc.c")))
    assert told == real, set(told.items()) ^ set(real.items())


def the_kinds_are_those_of_the_code():
    told = {row[0].strip("`…"): row for row in table_after("## 6. Kinds")}
    limits = limits_of_the_code()
    envelope = dict(re.findall(r'#define (TYPE_\w+) +"application/vnd.maillon.(\S+)"',
                               read("hub", "crypto", "envelope.h")))
    assert set(told) == set(envelope.values()), set(told)
    rows = re.findall(r"\.type = (TYPE_\w+),(.*?)\n    \}", read("hub", "kinds.c"), re.S)
    assert len(rows) >= 10
    for name, rest in rows:
        row = told[envelope[name]]
        assert row[2] == re.search(r"\.lane = (\d)", rest)[1], row
        assert row[3] == ("yes" if ".sealed = true" in rest else "no"), row
        assert row[4] == ("yes" if ".receipted = true" in rest else "no"), row
        assert int(row[5].replace(",", "")) == limits[re.search(r"max_bytes = (\w+)", rest)[1]], row
        seconds = limits[re.search(r"lifetime_max_s = (\w+)", rest)[1]]
        assert row[6] == "%d d" % (seconds // 86400), row


def a_wrong_signature_does_not_hold():
    event = Object(value(CRYPTO["incept_signed"]))
    public, message = value(CRYPTO["root_public"]), pae(event.kind, event.raw)
    sig = one(event.sigs[0], 2)
    assert verify(public, message, sig)
    assert not verify(public, message + b" ", sig)
    assert not verify(public, message, sig[:32] + bytes([sig[32] ^ 1]) + sig[33:])
    assert not verify(value(CRYPTO["op_public"]), message, sig)


def node_id_text_and_words():
    event = Object(value(CRYPTO["incept_signed"]), "kel-event.v1")
    node = sha256(b"hfp/node/v1\0", pae(event.kind, event.raw))
    assert node == value(CRYPTO["node_id"])
    assert node_text(node) == CRYPTO["node_id_text"]
    source = read("hub", "crypto", "words.c")
    words = re.findall(r'"(\w+)"', source[source.index("words_french[") :])
    assert len(words) == 2048
    bits = int.from_bytes(sha256(b"hfp/words/v1\0", node), "big") >> 256 - 66
    spoken = [words[bits >> 11 * i & 2047] for i in reversed(range(6))]
    assert " ".join(spoken) == CRYPTO["node_id_words"]


def key_events_are_one_chain():
    names = [(CRYPTO, "incept", 2, "01"), (CRYPTO, "delegate", 4, "01"),
             (OBJECTS, "rotate_root", 3, "02"), (OBJECTS, "revoke", 5, "02"),
             (OBJECTS, "retire", 6, "02")]
    prev, node, announced = b"", value(CRYPTO["node_id"]), None
    for seq, (file, name, field, seed) in enumerate(names, 1):
        event = Object(value(file[name + "_signed"]), "kel-event.v1")
        assert event.oid == value(file[name + "_oid"]), name
        assert (event.seq, event.prev, event.stream) == (seq, prev, b""), name
        assert event.node == (node if seq > 1 else b""), name
        root = public_of(value("32 bytes " + seed))
        assert event.signed_by(root), name
        assert field in event.body, name
        content, prev = decode(one(event.body, field)), event.oid
        if name == "incept":
            assert one(content, 1) == root == value(CRYPTO["root_public"])
            assert (one(content, 2), one(content, 4), len(one(content, 5))) == (1, 1, 16)
            announced = one(content, 3)
        elif name == "delegate":
            assert one(content, 1) == public_of(value("32 bytes 03"))
            assert one(content, 2) == event.created_s + 400 * 86400
        elif name == "rotate_root":
            assert one(content, 1) == root and sha256(root) == announced
            assert one(content, 3) == sha256(public_of(value("32 bytes 05")))


def pae_and_oid():
    kind, body = CRYPTO["example_type"], value(CRYPTO["example_body"])
    assert pae(kind, body) == value(CRYPTO["example_pae"])
    assert oid_of(kind, body) == value(CRYPTO["example_oid"])
    fields = decode(value(CRYPTO["example_signed_by_op"]))
    sig = decode(one(fields, 4))
    public = value(CRYPTO["op_public"])
    assert one(sig, 1) == public[:8] and verify(public, pae(kind, body), one(sig, 2))


def pad(content):
    """Section 7: the table of gaps."""
    bucket = 1024
    while bucket < len(content) or bucket - len(content) == 1:
        bucket *= 2
    gap = bucket - len(content)
    if gap == 0:
        return content
    length_bytes = 1 if gap < 130 else 2 if gap < 16387 else 3
    zeros = gap - 1 - length_bytes
    length = bytes((zeros >> 7 * i & 0x7f) | (0x80 if i + 1 < length_bytes else 0)
                   for i in range(length_bytes))
    return content + b"\x22" + length + bytes(zeros)


def every_gap_is_filled_to_a_bucket():
    for gap, start in ((0, ""), (2, "2200"), (129, "227f"), (130, "22ff00"), (131, "228001"),
                       (16386, "22ff7f"), (16387, "22ffff00"), (16388, "22808001")):
        plain = pad(b"x" * (65536 - gap))
        assert len(plain) == 65536 and plain[65536 - gap:].hex().startswith(start), gap
    assert len(pad(b"x" * 1023)) == 2048 and len(pad(b"x" * 1022)) == 1024


def the_seal_is_made_again():
    recipient, node = x25519(value(CRYPTO["enc_secret"]), U9), value(CRYPTO["node_id"])
    key_id, expires_s = sha256(recipient)[:16], int(CRYPTO["sealed_expires_s"])
    assert recipient == value(CRYPTO["enc_public"]) and key_id == value(CRYPTO["enc_key_id"])
    info = b"hfp/seal/v1" + node + key_id
    aad = (1).to_bytes(4, "little") + node + key_id + expires_s.to_bytes(8, "little")
    assert info == value(OBJECTS["seal_info"]) and len(info) == 59
    assert aad == value(OBJECTS["seal_aad"]) and len(aad) == 60

    salt, payload = value(CRYPTO["parcel_salt"]), value(CRYPTO["parcel_payload"])
    plain = pad(put(1, value(CRYPTO["example_signed_by_op"])) + put(2, payload) + put(3, salt))
    assert plain == value(OBJECTS["parcel_plain"]) and len(plain) == 1024
    assert sha256(salt, payload) == value(CRYPTO["parcel_commit"])

    ephemeral = value(CRYPTO["ephemeral_secret"])
    enc = x25519(ephemeral, U9)
    key, nonce = hpke_key(x25519(ephemeral, recipient), enc, recipient, info)
    ct = chacha20(key, nonce, 1, plain)
    ct += tag_of(key, nonce, aad, ct)
    sealed = (put(1, 1) + put(2, node) + put(3, key_id) + put(4, expires_s) + put(5, enc) +
              put(6, ct))
    assert sealed == value(CRYPTO["sealed"])
    assert sha256(sealed) == value(CRYPTO["sealed_id"]) == value(OBJECTS["sealed_id"])


def the_transcript_is_eight_fields():
    hello_d, hello_r = value(LINK["hello_d_frame"]), value(LINK["hello_r_frame"])
    dialler, responder = value(LINK["dialler"]), value(LINK["responder"])
    assert sha256(hello_d) == value(LINK["hello_d_sha256"])
    assert sha256(hello_r) == value(LINK["hello_r_sha256"])
    for role, name, who in ((b"R", "proof_r_signs", b""), (b"D", "proof_d_signs", dialler)):
        fields = [role, sha256(hello_d), sha256(hello_r), LINK["offer"].encode(),
                  LINK["selected"].encode(), who, responder, value(LINK["binding"])]
        transcript = b"".join(len(f).to_bytes(4, "little") + f for f in fields)
        assert pae(TYPES + "link-proof.v1", transcript) == value(LINK[name])
    assert LINK["offer"] == "hfp.1.cb, hfp.1" and LINK["selected"] == "hfp.1.cb"

    d, r = decode(one(decode(hello_d), 2)), decode(one(decode(hello_r), 3))
    assert len(one(d, 1)) == len(one(r, 2)) == 32
    assert one(d, 2) == one(r, 3) == b"\1" and one(d, 6) == one(r, 1) == responder
    events = [Object(event, "kel-event.v1") for event in r[7]]
    root = one(decode(one(events[0].body, 2)), 1)
    assert sha256(b"hfp/node/v1\0", pae(events[0].kind, events[0].raw)) == responder
    assert all(event.signed_by(root) for event in events)
    assert events[1].prev == events[0].oid and one(r, 8) == events[1].oid


def the_invite_has_its_check_characters():
    invite = OBJECTS["invite"]
    match = re.fullmatch(r"maillon:1/([a-z2-7]{54})\?((?:r=[^&#]+&){1,3})e=(\d+)#"
                         r"([a-z2-7]{26})([a-z2-7]{4})", invite)
    assert len(invite) <= 300 and match[1] == node_text(value(CRYPTO["node_id"]))
    assert match[5] == base32(sha256(invite[:-4].encode()))[:4]
    assert match[4] == base32(value(OBJECTS["invite_secret"]))
    assert match[2] == "r=wss://hub.example.org&r=wss://192.0.2.1:8443&"


def entry_services_and_receipt():
    op, node = value(CRYPTO["op_public"]), value(CRYPTO["node_id"])
    names = {"entry": ("directory-entry.v1", 180, 0), "service": ("service.v1", 180, 1),
             "service_withdrawn": ("service.v1", 180, 1), "receipt": ("receipt.v1", 90, 0)}
    held = {}
    for name, (kind, days, incarnation) in names.items():
        held[name] = event = Object(value(OBJECTS[name + "_signed"]), kind)
        assert event.oid == value(OBJECTS[name + "_oid"]) and event.signed_by(op), name
        assert event.node == node and event.incarnation == incarnation, name
        assert event.expires_s - event.created_s == days * 86400, name
    entry, receipt = held["entry"], held["receipt"]
    key = decode(one(entry.body, 9))
    assert one(key, 1) == value(CRYPTO["enc_public"])
    assert (one(key, 2), one(key, 3)) == (entry.created_s, entry.expires_s)
    assert held["service_withdrawn"].prev == held["service"].oid
    assert 4 in held["service"].body and 4 not in held["service_withdrawn"].body
    assert receipt.seq == 1 and one(receipt.body, 2) == value(OBJECTS["peer_node"])
    entries = [decode(e) for e in receipt.body[3]]
    assert [one(e, 2, 0) for e in entries] == [1, 1, 3]
    assert len(one(entries[0], 6)) == 32 and one(entries[1], 7) == 1
    assert (one(entries[2], 3), one(entries[2], 4, 0), one(entries[2], 5)) == (8, 0, 600)


def frames_after_the_handshake():
    def frame(name, number):
        fields = decode(value(OBJECTS[name + "_frame"]))
        return one(fields, 1, 0), decode(one(fields, number))

    lane, state = frame("state", 5)
    assert lane == 0
    assert [(one(decode(c), 1, 0), one(decode(c), 2, 0)) for c in state[2]] == [
        (0, 0), (1, 7), (2, 14)]
    packed, credit, at = one(state, 5), [], 0
    while at < len(packed):
        number, at = take_varint(packed, at)
        credit.append(number)
    assert credit == [1024] * 3
    assert frame("ack", 7) == (2, {1: [8]}) and frame("credit", 8) == (1, {1: [1024]})
    assert frame("bye", 14) == (0, {1: [4], 2: [2]})
    lane, batch = frame("batch", 6)
    data = decode(one(batch, 1))
    assert lane == 2 and one(data, 1) == 8 and 6 not in data
    assert one(data, 7) == value(OBJECTS["entry_signed"])
    assert one(data, 3) == value(OBJECTS["entry_oid"]) == one(frame("err", 11)[1], 3)
    lane, request = frame("peer_request", 9)
    assert lane == 0 and one(request, 3) == value(OBJECTS["invite_secret"])
    assert one(frame("peer_answer", 10)[1], 1) == 2


def notices_and_claims_are_chains():
    owner, claimant = public_of(value("32 bytes 03")), public_of(value("32 bytes 04"))
    nodes = {owner: value(NOTICE["node_owner"]), claimant: value(NOTICE["node_claimant"])}
    held = {}
    for name in re.findall(r'"(\w+)_signed"', json.dumps(NOTICE)):
        key = claimant if name in ("claim_commit", "claim_delivered") else owner
        held[name] = event = Object(value(NOTICE[name + "_signed"]))
        assert event.raw == value(NOTICE[name + "_body"]) and event.signed_by(key), name
        assert event.oid == value(NOTICE[name + "_oid"]) and event.node == nodes[key], name
        assert event.incarnation == 1, name
    v1, v2, gone = (held["notice_" + v] for v in ("v1", "v2", "withdrawn"))
    assert (v2.prev, gone.prev) == (v1.oid, v2.oid) and gone.expires_s > v2.expires_s
    assert [one(n.body, 3) for n in (v1, v2, gone)] == [1, 2, 3] and 4 not in gone.body
    commit, agree, done = (held["claim_" + c] for c in ("commit", "agree", "delivered"))
    assert (commit.stream, commit.seq, one(commit.body, 4)) == (b"", 1, b"")
    assert (agree.stream, agree.seq, one(agree.body, 4)) == (commit.oid, 1, commit.oid)
    assert (done.stream, done.prev, one(done.body, 4)) == (commit.oid, commit.oid, agree.oid)


# Sections 17 and 18, driven by the tables of the README.

LIVE = {"requested", "accepted", "in-progress", "on-hold"}
ENDED = {"rejected", "completed", "failed", "cancelled"}
ANY = LIVE | ENDED | {"entered-in-error"}
FLAG_BITS = {"once": 1, "cancel": 2, "question": 4}


def statuses_of(cell):
    """[(status, condition)]"""
    if cell in ("live", "any"):
        return [(s, "") for s in (LIVE if cell == "live" else ANY)]
    found = []
    for part in re.split(r"[;,] ", cell):
        status, _, condition = part.partition(" if ")
        found.append((status, condition))
    return found


def moves_of_the_readme():
    moves = []
    for row in table_after("**Statuses** are FHIR"):
        action, by, whom, allowed, condition, after, business, flags = row
        moves.append({
            "action": action, "by": set(by.split(", ")), "whom": whom,
            "allowed": [("", "")] if allowed == "–" else statuses_of(allowed),
            "if": "" if action == "REFER" else condition, "after": after,
            "business": business, "flags": flags.split()})
    return moves


def actions_of(enum):
    source = read("proto", "maillon", "hfp", "v1", "referral.proto")
    return {int(number): name for name, number in re.findall(enum + r"_(\w+) = (\d+);", source)}


def crossings_of_the_readme():
    sets = {name: set(re.search(name + r": ([A-Z_, ]+)\.", README)[1].split(", "))
            for name in ("ENDS", "TURNS")}
    crossings = []
    for mine, theirs, statuses, result in table_after("## 18. Crossing events"):
        against = set()
        for word in theirs.replace("any of ", "").split(", "):
            against |= sets.get(word, {word})
        allowed = {"live": LIVE, "ended": ENDED, "live or ended": LIVE | ENDED}[statuses]
        crossings.append((set(mine.split(", ")), against, allowed, result))
    return crossings


class Referral:
    def __init__(self):
        self.moves, self.crossings = moves_of_the_readme(), crossings_of_the_readme()
        self.names = actions_of("REFERRAL_ACTION")
        self.business_names = {number: name.lower().replace("_", "-") if number else ""
                               for number, name in actions_of("BUSINESS_STATUS").items()}

    def take(self, side, event, against):
        """`against`: actions of R that this event of S had not seen."""
        action = self.names[one(event.body, 3)]
        for mine, theirs, statuses, result in self.crossings:
            if action not in mine or not theirs & against or self.status not in statuses:
                continue
            if "S's event stands" in result:
                break
            if "cancellation-requested" in result:
                self.business = "cancellation-requested"
                self.flags.add("cancel")
            if "-question" in result:
                self.flags.discard("question")
            return
        move = next(m for m in self.moves if m["action"] == action and side in m["by"] and any(
            s == self.status and (not c or (c == "once accepted") == ("once" in self.flags))
            for s, c in m["allowed"]))
        person = one(event.body, 6, 0) == 1
        assert not move["if"] or move["if"] in self.flags
        assert move["whom"] == "anybody" or (move["whom"] == "person") == person
        named, cell = self.business_names[one(event.body, 8, 0)], move["business"]
        if move["after"] != "same":
            self.status = move["after"]
        if named:
            assert named in cell
            self.business = named
        elif action == "PERSON_SAYS":
            self.business = cell.split(",")[0].split(" or ")[0 if one(event.body, 17, 0) else 1]
        elif cell != "same":
            self.business = cell.split(" (")[0].replace("–", "")
        for flag in move["flags"]:
            (self.flags.add if flag[0] == "+" else self.flags.discard)(flag[1:])

    def evaluate(self, events):
        """Section 18: (status, business status, flags) from (side, object) in any order."""
        self.status, self.business, self.flags = "", "", set()
        streams, seen = {"S": [], "R": []}, {"S": [], "R": []}
        place = {event.oid: event.seq for _, event in events}
        for side, event in sorted(events, key=lambda item: item[1].seq):
            if event.seq != len(streams[side]) + 1 or one(event.body, 4) not in [b"", *place]:
                continue
            known = seen[side][-1] if seen[side] else side == "R"
            streams[side].append(event)
            seen[side].append(max(known, place.get(one(event.body, 4), 0)))
        s = r = 0
        while True:
            if r < len(streams["R"]) and seen["R"][r] <= s:
                self.take("R", streams["R"][r], set())
                r += 1
            elif s < len(streams["S"]) and seen["S"][s] <= r:
                missed = streams["R"][seen["S"][s]:r]
                self.take("S", streams["S"][s], {self.names[one(e.body, 3)] for e in missed})
                s += 1
            else:
                return self.status, self.business, sum(FLAG_BITS[flag] for flag in self.flags)


def the_chain_reaches_the_states_told_in_any_order():
    referral = Referral()
    assert {move["action"] for move in referral.moves} == set(referral.names.values()) - {
        "UNSPECIFIED"}
    events = [("S" if event["by"] == "sender" else "R", Object(value(event["signed"])))
              for event in CHAIN["events"]]
    for count, event in enumerate(CHAIN["events"], 1):
        told = event["status_after"], event["business_status_after"], event["flags_after"]
        some = events[:count]
        for order in (some, some[::-1], some[::2] + some[1::2]):
            assert referral.evaluate(order) == told, (event["action"], told)


def the_chain_is_linked_and_signed():
    keys = {"sender": public_of(value(CHAIN["op_seed_sender"])),
            "receiver": public_of(value(CHAIN["op_seed_receiver"]))}
    nodes = {side: value(CHAIN["node_" + side]) for side in keys}
    own, taken, first = {side: [] for side in keys}, set(), None
    for event in CHAIN["events"]:
        side = event["by"]
        other = "receiver" if side == "sender" else "sender"
        body = Object(value(event["signed"]), "referral-event.v1")
        assert body.oid == value(event["oid"]) and body.signed_by(keys[side])
        assert body.node == nodes[side] and one(body.body, 2) == nodes[other]
        assert body.incarnation == 0 and body.stream == (first or b"")
        assert body.seq == len(own[side]) + 1
        assert body.prev == (own[side][-1] if own[side] else b"")
        assert one(body.body, 4) in own[other] + [b""]
        commit = one(body.body, 5)
        assert commit == (sha256(value(event["salt"]), value(event["payload"]))
                          if "payload" in event else b"")
        first = first or body.oid
        own[side].append(body.oid)
    refer = decode(one(Object(value(CHAIN["events"][0]["signed"])).body, 7))
    consent = decode(one(refer, 5))
    assert len(one(consent, 1)) == 16 and one(consent, 3) == nodes["receiver"]
    assert consent[2] == sorted(consent[2]) == [b"name", b"need"]
    assert one(consent, 4) == b"referral" and one(refer, 4) <= one(consent, 8)


TESTS = [
    every_hex_block_is_a_field_of_a_golden_file, every_long_hex_number_is_in_a_golden_file,
    the_limits_are_those_of_limits_h, the_messages_shown_are_those_of_the_schema,
    the_roles_are_those_of_the_method_tables, the_statuses_of_errors_are_those_of_the_code,
    the_kinds_are_those_of_the_code, a_wrong_signature_does_not_hold, node_id_text_and_words,
    key_events_are_one_chain, pae_and_oid, every_gap_is_filled_to_a_bucket, the_seal_is_made_again,
    the_transcript_is_eight_fields, the_invite_has_its_check_characters,
    entry_services_and_receipt, frames_after_the_handshake, notices_and_claims_are_chains,
    the_chain_is_linked_and_signed, the_chain_reaches_the_states_told_in_any_order,
]


def main():
    failed = 0
    for test in TESTS:
        try:
            test()
            verdict = "ok"
        except Exception:  # every failure is one test's, whatever it is
            traceback.print_exc()
            verdict = "not ok"
            failed += 1
        print(f"{verdict} {test.__name__.replace('_', ' ')}", flush=True)
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
