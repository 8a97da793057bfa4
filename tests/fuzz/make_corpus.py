#!/usr/bin/env python3
"""Makes the first inputs of the targets bodies, opener and link out of the golden vectors.

Usage: make_corpus.py   (writes into the corpus folder beside it)
"""

import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "vectors" / "golden"
KINDS = ["receipt", "referral-event", "claim-event", "notice", "directory-entry", "service"]
FIT, WRONG_LANE, TURN_SEAL, OUTER, CUT = 1, 2, 4, 8, 16  # fuzz_hubs.h
PROVEN, DIALLED, STRANGER = 1, 2, 4  # fuzz_link.c
OURS, THEIRS = b"\7" * 32, b"\x08" * 32  # events with an attachment, fuzz_link.c
FRAME, OBJECT, TIME = 0, 1, 2


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """{field: last value} of a message; numbers and bytes alone."""
    at, found = 0, {}
    while at < len(data):
        key, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        found[key >> 3] = value
    return found


def objects():
    """(name, kind, body, payload) of everything signed in the golden vectors."""
    seen = set()

    def walk(name, value):
        if isinstance(value, list):
            for i, item in enumerate(value):
                yield from walk(f"{name}_{i}", item)
        if not isinstance(value, dict):
            return
        for key, item in value.items():
            yield from walk(f"{name}_{key}", item)
            if not key.endswith("signed") or not isinstance(item, str):
                continue
            signed = fields(bytes.fromhex(item))
            kind = signed[2].decode().removeprefix("application/vnd.maillon.").removesuffix(".v1")
            if kind in KINDS and item not in seen:
                seen.add(item)
                payload = bytes.fromhex(value.get("payload", "")) if key == "signed" else b""
                yield f"{name}_{key}", KINDS.index(kind), signed[3], payload

    for path in sorted(GOLDEN.glob("*.json")):
        yield from walk(path.stem, json.loads(path.read_text(encoding="utf-8")))


def made(kind, body, payload, flags=FIT):
    return bytes([kind, flags]) + len(payload).to_bytes(2, "little") + payload + body


def message(kind, data):
    return bytes([kind]) + len(data).to_bytes(4, "little") + data


def frame(field, body, lane=0):
    return message(FRAME, (number(1, lane) if lane else b"") + text(field, body))


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main():
    link = json.loads((GOLDEN / "link.json").read_text(encoding="utf-8"))
    session = {n: [] for n in range(len(KINDS))}
    for name, kind, body, payload in objects():
        write("bodies", name, made(kind, body, payload))
        write("opener", name, made(kind, body, payload))
        session[kind].append(made(kind, body, payload))
    first = session[KINDS.index("referral-event")][0]
    notice = session[KINDS.index("notice")][0]
    for name, flag in {"lane": WRONG_LANE, "seal": TURN_SEAL, "cut": CUT}.items():
        for what, data in {"referral": first, "notice": notice}.items():
            write("opener", f"{what}_{name}", bytes([data[0], FIT | flag]) + data[2:])
    objects_json = json.loads((GOLDEN / "objects.json").read_text(encoding="utf-8"))
    outer = bytes.fromhex(objects_json["service_signed"])
    write("opener", "outer", made(KINDS.index("service"), outer, b"", OUTER))
    write("opener", "as_it_is", made(KINDS.index("service"), fields(outer)[3], b"", 0))

    state = frame(5, text(2, number(2, 5)) + text(5, varint(1024) * 3))
    known = {
        "ack": frame(7, number(1, 0)),
        "ack_beyond": frame(7, number(1, 900), 1),
        "credit": frame(8, number(1, 1024), 1),
        "request": frame(9, text(1, b"Voisin") + text(2, b"bonjour") + text(3, bytes(16))),
        "answer": frame(10, number(1, 2) + text(2, b"Voisin")),
        "refused": frame(10, number(1, 4)),
        "error": frame(11, number(1, 1) + number(2, 1) + text(3, bytes(32))),
        "ping": frame(12, number(1, 7)) + frame(13, number(1, 7)),
        "bye": frame(14, number(1, 4) + number(2, 30)),
        "heads": frame(15, b""),
        "offer": frame(16, text(1, bytes(32)) + text(2, b"\1" * 32) * 3, 2),
        "offer_short": frame(16, text(1, bytes(32)) + text(2, b"\1" * 31), 2),
        "want": frame(17, text(1, b"\1" * 32) * 2 + text(2, bytes(32)) + number(3, 1), 2),
        "recon": frame(18, text(1, bytes(32)) + number(2, 1) + number(3, 1) + number(4, 1)
                       + text(5, bytes.fromhex("6100000200")), 2),
        "recon_no_set": frame(18, number(2, 7) + number(4, 1), 2),
        "gossip": frame(21, number(1, 12) + text(2, outer), 2),
        "gossip_noise": frame(21, number(1, 33) + text(2, b"x" * 40), 2),
        "silence": message(TIME, b"\xff"),
        "parts": b"".join(
            frame(6, text(1, number(1, 1) + text(3, bytes(32)) + number(4, n) + number(5, 2)
                          + text(6, b"x" * 40)), 1)
            for n in (0, 1)
        ),
        "part_missing": frame(
            6, text(1, number(1, 1) + text(3, bytes(32)) + number(4, 1) + number(5, 3)
                    + text(6, b"x")), 1),
        "many_bad": frame(
            6, b"".join(text(1, number(1, n) + text(3, bytes(32)) + text(7, b"x"))
                        for n in range(1, 20)), 2),
    }
    keys = json.loads((GOLDEN / "keys.json").read_text(encoding="utf-8"))
    events = [bytes.fromhex(keys[name]) for name in keys if name.endswith("_signed")][:6]
    log = b"".join(len(event).to_bytes(2, "little") + event for event in events)
    write("kel", "several_roots", log)
    write("kel", "end_alone", log[2 + len(events[0]) :])
    node = text(1, bytes.fromhex(keys["node_id"]))
    known |= {
        "resolve": frame(19, node) + frame(19, node + number(2, 1 << 40)),
        "resolve_nobody": frame(19, text(1, bytes(31))),
        "key_log": frame(20, node + number(2, 1) + b"".join(text(3, e) for e in events)),
        "key_log_parts": frame(20, node + number(2, 1) + text(3, events[0]) + number(4, 1))
        + frame(20, node + number(2, 2) + text(3, events[1])),
        "key_log_beacon": frame(20, node + text(5, bytes.fromhex(keys["beacon_signed"]))),
        "key_log_no_place": frame(20, node + text(3, events[0])),
        "state_beacon": frame(5, text(2, number(2, 5)) + text(3, bytes(32)) + text(5, varint(1024) * 3)
                              + text(6, bytes.fromhex(keys["beacon_signed"]))),
    }
    sealed = number(1, 1) + text(2, b"\x07" * 32) + text(3, bytes(16)) + number(4, 1 << 31)
    sealed += text(5, bytes(32)) + text(6, bytes(1040))
    blob = text(5, hashlib.sha256(sealed).digest())

    def relay(data, part, parts, name=blob):
        return frame(22, text(1, data) + number(2, 2) + number(3, part) + number(4, parts) + name, 3)

    known |= {
        "relay_whole": relay(sealed, 0, 0),
        "relay_misnamed": relay(sealed, 0, 0, text(5, bytes(32))) * 3,
        "relay_noise": relay(b"\xff" * 40, 0, 0),
        "relay_parts": relay(sealed[:500], 0, 2) + relay(sealed[500:], 1, 2),
        "relay_part_order": relay(sealed[:500], 1, 2),
        "relay_part_count": relay(sealed[:500], 0, 4000),
        "custody": frame(23, text(1, bytes(32)) + number(2, 1)),
        "custody_nothing": frame(23, number(2, 2) + number(3, 60)),
        "relay_duty": frame(28, number(1, 1) + text(2, bytes(16)) * 3),
        "relay_duty_short": frame(28, text(2, bytes(15))),
        "parts_wanted": frame(29, text(1, OURS) + number(3, 0) + number(2, 0))
        + frame(29, text(1, OURS) + text(3, bytes([0, 1, 200]))),
        "parts_wanted_nothing": frame(29, text(1, OURS)),
        "parts_wanted_unknown": frame(29, text(1, bytes(32)) + text(3, bytes(200))),
        "parts_wanted_many": frame(29, text(1, OURS) + text(3, bytes(257))),
        "parts_wanted_twice": frame(29, text(1, OURS) + text(3, bytes(200))) * 2,
        "parts_wanted_short": frame(29, text(1, bytes(31)) + text(3, b"\0")),
        "parts_asked": frame(30, text(1, THEIRS) + text(4, b"y" * 20)) * 2,
        "parts_altered": frame(30, text(1, THEIRS) + text(4, b"y" * 19 + b"z")),
        "parts_out_of_place": frame(30, text(1, THEIRS) + number(3, 1) + text(4, b"y" * 20)),
        "parts_gone": frame(30, text(1, THEIRS) + number(5, 1)) * 2,
        "parts_gone_and_here": frame(30, text(1, THEIRS) + text(4, b"y") + number(5, 1)),
        "parts_too_long": frame(30, text(1, THEIRS) + text(4, bytes(32785))),
        "parts_unasked": frame(30, text(1, bytes(32)) + text(4, b"y")) * 260,
    }
    for name, messages in known.items():
        write("link", f"known_{name}", bytes([PROVEN]) + state + messages)
        write("link", f"dialled_{name}", bytes([PROVEN | DIALLED]) + state + messages)
    for name in ("request", "answer", "ping", "bye", "many_bad"):
        write("link", f"stranger_{name}", bytes([PROVEN | STRANGER]) + known[name])
    for kind, list_of_kind in session.items():
        data = b"".join(message(OBJECT, item) for item in list_of_kind[:12])
        write("link", f"objects_{KINDS[kind]}", bytes([PROVEN]) + state + data + data)
    greetings = {
        key.removesuffix("_frame"): message(FRAME, bytes.fromhex(value))
        for key, value in link.items()
        if key.endswith("_frame") and isinstance(value, str)
    }
    for name, data in greetings.items():
        write("link", f"in_{name}", b"\0" + data)
        write("link", f"out_{name}", bytes([DIALLED]) + data)
    write("link", "in_all", b"\0" + b"".join(greetings.values()))
    write("link", "noise", b"\0" + message(FRAME, b"\xff" * 40))


if __name__ == "__main__":
    main()
