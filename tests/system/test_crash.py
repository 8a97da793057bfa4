#!/usr/bin/env python3
"""kill -9 while files come, are looked at, are imported, and while doubles are decided: nothing is
lost, nothing is there twice, half a file is not imported. (A held sending: test_held.sh; referrals:
test_power.mjs; a new schema: test_upgrade.py.)

Usage: test_crash.py HUBD HUBCTL SOURCE_ROOT
Prints TAP; exits 1 when a test failed.
"""

import base64
import json
import os
import random
import sqlite3
import sys
import threading
import time

from one_hub import CHECKED, ROOT, Hub, call, real_file, run_world

ROUNDS = 2 if CHECKED else 6
ENTRY_IMPORTS = 1 << 32  # hub/domain/directory_entry.h


def ask(hub, method, request):
    status, body = call(hub, method, json.dumps(request).encode(), "application/json")
    return status, json.loads(body)


def in_background(hub, method, request):
    """A call that may never be answered. @return what waits for it: None, or status and answer."""
    got = []

    def run():
        try:
            got.append(ask(hub, method, request))
        except (OSError, IndexError, ValueError):
            pass  # killed meanwhile

    thread = threading.Thread(target=run)
    thread.start()

    def end():
        thread.join()
        return got[0] if got else None

    return end


def stage(file, name="france.json"):
    return {"file": base64.b64encode(file).decode(), "fileName": name, "source": "france"}


def how_long(action):
    started = time.monotonic()
    got = action()
    assert got[0] == 200, got
    return time.monotonic() - started


def refuses_half(hub, staged):
    status, said = ask(hub, "Directory/RunStaged", {"id": staged})
    assert status == 404 and "send it again" in said["message"], (status, str(said)[:200])
    assert hub.services() == 0, hub.services()


def killed_while_a_file_comes_and_is_looked_at(world):
    hub = world.hub
    seconds = how_long(lambda: ask(hub, "Directory/StageImport", stage(world.file)))
    halves = 0
    for number in range(ROUNDS):
        end = in_background(hub, "Directory/StageImport", stage(world.file))
        time.sleep(seconds * (number + 0.5) / ROUNDS)
        hub.kill()
        end()
        hub.start()
        assert hub.services() == 0, hub.services()
        for (staged, size, kept) in hub.ask(
                "SELECT id, bytes, (SELECT coalesce(sum(length(data)), 0) FROM import_staged_part "
                "WHERE staged = import_staged.id) FROM import_staged"):
            if kept == size:
                continue
            halves += 1
            refuses_half(hub, staged)
        assert not hub.ask("SELECT 1 FROM import_staged_part WHERE staged NOT IN "
                           "(SELECT id FROM import_staged)")
    print(f"# {halves} of {ROUNDS} times half of the file was there")


def half_a_file_is_told_so_and_not_imported(world):
    hub = world.hub
    rows = "".join(f"e{n};s;Accueil {n} {'de la ville ' * 20};numerique\n" for n in range(6000))
    table = f"id;structure_id;nom;thematiques\n{rows}".encode()
    status, got = ask(hub, "Directory/StageImport", stage(table, "france.csv"))
    assert status == 200 and got["report"]["read"] == 6000, (status, str(got)[:300])
    staged = got["id"]
    hub.kill()
    with sqlite3.connect(f"{hub.dir}/hub.db") as db:
        last = "number = (SELECT max(number) FROM import_staged_part WHERE staged = ?1)"
        assert db.execute(f"DELETE FROM import_staged_part WHERE staged = ?1 AND {last}",
                          (staged,)).rowcount == 1
    hub.start()
    refuses_half(hub, staged)


def killed_while_it_is_imported_it_goes_on(world):
    hub = world.hub
    # What looking takes; importing takes some times as long.
    seconds = how_long(lambda: ask(hub, "Directory/StageImport", stage(world.file)))
    staged = hub.ask("SELECT id FROM import_staged WHERE done = 0")[0][0]
    seen = []
    for number in range(ROUNDS):
        end = in_background(hub, "Directory/RunStaged", {"id": staged})
        time.sleep(seconds * (number + 0.5) / ROUNDS)
        hub.kill()
        done = end()
        hub.start()
        seen.append(hub.services())
        assert seen == sorted(seen), seen
        view = ask(hub, "Directory/GetStaged", {"id": staged})
        assert view[0] == 200, view
        if done or view[1].get("done"):
            break
        assert view[1]["report"]["read"] == world.rows, view[1]["report"]
    print(f"# {seen} of {world.rows} were there after each kill")
    if not ask(hub, "Directory/GetStaged", {"id": staged})[1].get("done"):
        status, got = ask(hub, "Directory/RunStaged", {"id": staged})
        assert status == 200 and got["done"], (status, got)
    assert hub.services() == world.rows, hub.services()
    assert hub.ask("SELECT count(*), count(DISTINCT record) FROM import_record")[0] == \
        (world.rows, world.rows)
    assert hub.ask("SELECT count(*) FROM directory_entry")[0][0] == world.rows
    assert hub.kept() == (0, 0), hub.kept()
    found = ask(hub, "Directory/Search", {"words": "formation", "limit": 100})[1]["service"]
    assert len(found) == len({row["id"] for row in found}) == 100, len(found)


def killed_while_doubles_become_one(world):
    hub = world.hub
    with open(os.path.join(ROOT, "tests", "vectors", "data", "doubles-2022.json"), "rb") as file:
        request = {"file": base64.b64encode(file.read()).decode(), "format": "data-inclusion",
                   "source": "deux producteurs"}
    got = ask(hub, "Directory/Import", request)
    assert got[0] == 200, got
    listed = ask(hub, "Directory/ListReview", {"pairs": 100})[1]["pair"]
    pairs = {pair["id"]: pair["first"]["id"] for pair in listed}
    assert len(pairs) > 10, len(pairs)
    acked, kills = set(), 0
    turn = random.Random(7)
    left = list(pairs)
    while left:
        kill_at = turn.randrange(1, max(2, len(pairs) // 3))
        ends = [(pair, in_background(hub, "Directory/DecidePair", {
            "id": pair, "decision": "same", "keep": pairs[pair]}))
                for pair in left[:kill_at]]
        if kills < ROUNDS:
            time.sleep(turn.random() * 0.02)
            hub.kill()
            kills += 1
        answers = [(pair, end()) for pair, end in ends]
        acked |= {pair for pair, answer in answers if answer and answer[0] == 200}
        refused = {pair for pair, answer in answers if answer and answer[0] != 200}
        if hub.process.poll() is not None:
            hub.start()
        decided = {str(row[0]) for row in hub.ask("SELECT id FROM import_pair WHERE decision = 2")}
        assert acked <= decided, acked - decided
        check_merged(hub)
        # One that another decision has settled already cannot be decided again.
        left = [pair for pair in left if pair not in decided and pair not in refused]
    print(f"# {len(pairs)} pairs, {len(acked)} answered, {kills} kills")


def check_merged(hub):
    """A decision and what it does are there together or not at all; no entry stands for one that
    another stands for."""
    assert not hub.ask("SELECT 1 FROM import_record a JOIN import_record b "
                       "ON a.merged_into = b.id + ?1 WHERE b.merged_into <> 0", ENTRY_IMPORTS)
    assert not hub.ask("SELECT 1 FROM import_pair p JOIN import_record r ON r.id + ?1 = "
                       "iif(p.kept = p.first, p.second, p.first) "
                       "WHERE p.decision = 2 AND r.merged_into = 0", ENTRY_IMPORTS)
    assert not hub.ask("SELECT 1 FROM import_record r JOIN directory_entry e ON e.id = r.id + ?1 "
                       "WHERE r.merged_into <> 0", ENTRY_IMPORTS)
    assert not hub.ask("SELECT 1 FROM import_record r LEFT JOIN directory_entry e "
                       "ON e.id = r.id + ?1 WHERE r.merged_into = 0 AND r.closed = 0 AND "
                       "e.id IS NULL", ENTRY_IMPORTS)
    assert hub.ask("PRAGMA quick_check") == [("ok",)]


TESTS = [
    killed_while_a_file_comes_and_is_looked_at,
    half_a_file_is_told_so_and_not_imported,
    killed_while_it_is_imported_it_goes_on,
    killed_while_doubles_become_one,
]


class World:
    def __init__(self, root):
        self.hub = Hub(root)
        self.file, self.rows = real_file((1 << 20) if CHECKED else (4 << 20))


if __name__ == "__main__":
    sys.exit(run_world(World, TESTS))
