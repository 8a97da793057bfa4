#!/usr/bin/env python3
"""Makes the first inputs of the targets bodies, opener and link out of the golden vectors.

Usage: make_corpus.py   (writes into the corpus folder beside it)
"""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "vectors" / "golden"
KINDS = ["receipt", "referral-event", "claim-event", "notice", "directory-entry", "service"]
FIT, WRONG_LANE, TURN_SEAL, OUTER, CUT = 1, 2, 4, 8, 16  # fuzz_hubs.h
PROVEN, DIALLED, STRANGER = 1, 2, 4  # fuzz_link.c
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
