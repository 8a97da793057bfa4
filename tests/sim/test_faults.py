#!/usr/bin/env python3
"""The failure table: each row has a test that names it, and each scenario of the simulator is run.

A test names a row by `f12_` in its own name or by `F12` in a comment at it (the comment at the top
of a file does not count). Prints where each row is tested; fails when one is not, and when a
scenario of tests/sim/sim_*.c is missing from tests/sim/meson.build.
Usage: test_faults.py ROOT
"""

import pathlib
import re
import sys

ROWS = {
    1: "crash before the commit of what came in",
    2: "crash after the commit, before the ack",
    3: "power loss, unsynced pages lost or torn",
    4: "crash between an act and its sending",
    5: "the same object twice",
    6: "events of a referral in another order",
    7: "an event that never comes",
    8: "days apart, then together again",
    9: "only one side can dial",
    10: "clock an hour ahead, a year behind, jumping back",
    11: "stolen operational key",
    12: "stolen operational and root key",
    13: "the next root key stolen too",
    14: "a relay that drops",
    15: "a relay that alters, replays or re-addresses",
    16: "a relay that strips the author and signs anew",
    17: "somebody in between with a valid certificate",
    18: "edited offers of versions and features",
    19: "frames too long, too deep, of too many fields",
    20: "a peer that does not read",
    21: "a flood from an accepted peer",
    22: "an author who tells two versions of a notice",
    23: "a party that forks the chain of a referral",
    24: "an old backup restored",
    25: "the peer restored an old backup",
    26: "a withdrawn notice gossiped again",
    27: "id sets crafted against fingerprints",
    28: "two sets that differ in nearly everything",
    29: "a full or read-only disk",
    30: "a flipped bit in what is stored",
    31: "two owners of one link in a shared database",
    32: "everybody comes back to a large hub at once",
    33: "a removed member replays an old admission",
    34: "two releases side by side for weeks",
    35: "erasure after the end",
    36: "a key certificate that ran out unnoticed",
    37: "the copy with a broken signature comes first",
}
NOT_BUILT = {31: "the shared PostgreSQL store is not built: one process owns each sqlite file"}

SUFFIXES = {".c", ".h", ".py", ".mjs", ".sh"}
MENTION = re.compile(r"(?<![A-Za-z0-9])[Ff](\d{1,2})(?![0-9A-Za-z])")
FIRST_COMMENT = re.compile(r"\A\s*(?:#!.*\n)?\s*(?:/\*.*?\*/|(?:(?://|#).*\n)+|\"\"\".*?\"\"\")", re.S)
TABLE_ROW = re.compile(r'^    \{\s*"([a-z0-9_]+)"', re.M)


def mentions(text):
    """Rows a text names; `f1_f2_f3` in a name are three."""
    return {int(number) for number in MENTION.findall(text.replace("_", " "))}


def collect(root):
    found = {}
    for path in sorted((root / "tests").rglob("*")):
        relative = path.relative_to(root).as_posix()
        if path.suffix not in SUFFIXES or "/corpus/" in relative or path.name == "test_faults.py":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for row in mentions(FIRST_COMMENT.sub("", text, count=1)):
            found.setdefault(row, []).append(relative)
    return found


def unlisted_scenarios(root):
    listed = (root / "tests/sim/meson.build").read_text(encoding="utf-8")
    for path in sorted((root / "tests/sim").glob("sim_*.c")):
        for name in TABLE_ROW.findall(path.read_text(encoding="utf-8")):
            if f"'{name}'" not in listed:
                yield f"{path.name}: {name}"


def main():
    root = pathlib.Path(sys.argv[1])
    found = collect(root)
    passed = failed = 0
    for row, case in ROWS.items():
        where = ", ".join(found.get(row, []))
        if row in NOT_BUILT:
            where = f"not built: {NOT_BUILT[row]}"
        print(f"F{row:<3} {case:<52} {where or 'NO TEST'}")
        passed, failed = (passed + 1, failed) if where else (passed, failed + 1)
    for scenario in unlisted_scenarios(root):
        print(f"not in tests/sim/meson.build: {scenario}")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
