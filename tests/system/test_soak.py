#!/usr/bin/env python3
"""Two hubs at work for long: people read pages and search, referrals go to their end, notices are
claimed, files are imported again, the receiver is killed and comes back. Memory and descriptors stay
where they were after the first part, nothing is lost and nothing is there twice.

Usage: test_soak.py HUBD HUBCTL SOURCE_ROOT
SOAK_SECONDS says how long, 900 if not said. Prints TAP; exits 1 when a test failed.
"""

import json
import os
import random
import statistics
import sys
import time

from one_hub import CHECKED, Browser, Hub, call, free_port, real_file, run_world

SECONDS = int(os.environ.get("SOAK_SECONDS", "900"))
PAUSE_S = 0.1
GROWTH = 1.1  # from the first part to the last, besides SLACK_KB
SLACK_KB = 4096
WARM, LATE = 0.4, 0.8  # where the first part begins and the last one, of the whole time
WORDS = ["aide impaye loyer", "appendre le francais", "ordi pas cher", "colis alimentaire",
         "velo", "garde d'enfant", "permis de conduire", "ecrivain public", "zzz"]
PAGES = ["/", "/referrals", "/notices", "/directory", "/figures", "/account", "/notices/new"]
API = "application/json"


def ask(hub, method, request, user=None):
    status, body = call(hub, method, json.dumps(request).encode(), API)
    assert status == 200, (method, status, body[:300])
    return json.loads(body or b"{}")


def until(what, check, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


class BusyHub(Hub):
    settings = "referrals-per-minute = 0\nopen-notices = 0\n"  # years of work in minutes


class World:
    def __init__(self, root):
        self.hubs, self.sent, self.claimed, self.samples, self.rounds = {}, [], set(), [], 0
        for name in ("sender", "receiver"):
            os.mkdir(os.path.join(root, name))
            self.hubs[name] = BusyHub(os.path.join(root, name), free_port())
            self.hubs[name].add_user("lea", "caseworker,coordinator")
        self.sender, self.receiver = self.hubs["sender"], self.hubs["receiver"]
        invite = json.loads(self.sender.ctl("--json", "peer", "invite"))["invite"]
        self.receiver.ctl("peer", "join", "--local", invite)
        self.accept()
        self.service = self.offer()
        self.file = os.path.join(root, "france.json")
        with open(self.file, "wb") as file:
            file.write(real_file(1 << 18)[0])

    def accept(self):
        peer = until("the receiver asks", lambda: next(
            (one["id"] for one in ask(self.sender, "Peers/List", {}).get("peer", [])
             if one.get("state") == "waiting"), None))
        self.sender.ctl("peer", "accept", peer)
        other = until("they accepted each other", lambda: next(
            (one["id"] for one in ask(self.receiver, "Peers/List", {}).get("peer", [])
             if one.get("state") == "accepted"), None))
        switches = ["referrals=on", "notices-in=on", "notices-out=on"]
        self.sender.ctl("peer", "policy", peer, *switches)
        self.receiver.ctl("peer", "policy", other, *switches)

    def offer(self):
        path = os.path.join(self.receiver.dir, "service.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"name": "Atelier", "description": "Un atelier ouvert", "theme": ["numerique"],
                       "reach": ["hub"], "capacity": {"code": "CAPACITY_CODE_CAPACITY"}}, file)
        service = json.loads(self.receiver.ctl("--json", "directory", "put", path))["id"]
        until("the service is known", lambda: call(
            self.sender, "Directory/GetService", json.dumps({"id": service}).encode(), API)[0] == 200)
        return service

    @property
    def hub(self):  # run_world stops it; the other goes first
        self.receiver.stop()
        return self.sender


def refer(world):
    """One person, from the referral to its end."""
    answer = ask(world.sender, "Referrals/Send", {
        "service": world.service, "theme": "numerique", "need": "une phrase",
        "person": {"name": f"cas {world.rounds}", "contactPreference": "caseworker"},
        "requestKey": f"soak {world.rounds}",
        "consent": {"form": "spoken", "field": ["name", "need", "contact"]}})
    world.sent.append(answer["id"])


def answer_all(world):
    for one in ask(world.receiver, "Referrals/List", {"box": "in", "openOnly": True}).get(
            "referral", []):
        act = {"id": one["id"], "action": "accept", "contactName": "Paul", "nextStep": "venir"}
        if one["status"] != "requested":
            act = {"id": one["id"], "action": "complete", "outcome": "helped"}
        ask(world.receiver, "Referrals/Act", act)


def post_and_claim(world):
    ask(world.sender, "Notices/Post", {"content": {
        "kind": "NOTICE_KIND_SHORTAGE", "what": f"couvertures {world.rounds}", "firstCome": True,
        "quantity": {"amount": 3, "unit": "pièce"}}, "until": "1d"})
    for one in ask(world.receiver, "Notices/List", {"limit": 20}).get("notice", []):
        if not one.get("ours") and one.get("remaining") and one["id"] not in world.claimed:
            world.claimed.add(one["id"])
            ask(world.receiver, "Notices/Claim", {"notice": one["id"]})


def read_pages(world, people):
    for person in people:
        for path in random.sample(PAGES, 2) + [
                "/directory?words=" + random.choice(WORDS).replace(" ", "+")]:
            status = person.get(path)[0]
            assert status == 200, (path, status)


def sample(world):
    """Memory of its own: the mapped database grows with what is in it."""
    for name, hub in world.hubs.items():
        world.samples.append((time.monotonic(), name, hub.memory_kb("RssAnon"),
                              len(os.listdir(f"/proc/{hub.process.pid}/fd"))))


def two_hubs_work_for_long(world):
    people = [Browser(hub, "lea") for hub in world.hubs.values()]
    start = time.monotonic()
    killed = imported = sampled = start
    while (now := time.monotonic()) < start + SECONDS:
        world.rounds += 1
        refer(world)
        answer_all(world)
        read_pages(world, people)
        if world.rounds % 10 == 0:
            post_and_claim(world)
        if world.rounds % 50 == 0:
            people[0] = Browser(world.sender, "lea")
        if now > imported + SECONDS / 8:
            world.sender.ctl("directory", "import", world.file, "--format", "data-inclusion",
                             "--source", "france")
            imported = now
        if now > killed + SECONDS / 4 and now < start + SECONDS * WARM:
            world.receiver.kill()
            world.receiver.start()
            people[1] = Browser(world.receiver, "lea")
            killed = now
        if now > sampled + SECONDS / 200:
            sample(world)
            sampled = now
        time.sleep(PAUSE_S)
    print(f"# {world.rounds} rounds, {len(world.sent)} referrals, {SECONDS} s")


def memory_and_descriptors_stay(world):
    first = world.samples[0][0]
    whole = world.samples[-1][0] - first
    for name in world.hubs:
        def part(begin, end, column):
            return statistics.median(one[column] for one in world.samples if one[1] == name and
                                     begin <= (one[0] - first) / whole <= end)
        early, late = part(WARM, WARM + 0.2, 2), part(LATE, 1, 2)
        few, many = part(WARM, WARM + 0.2, 3), part(LATE, 1, 3)
        print(f"# {name}: {early:.0f} KB, then {late:.0f} KB; {few:.0f} descriptors, then {many:.0f}")
        assert CHECKED or late <= early * GROWTH + SLACK_KB, (name, early, late)
        assert many <= few + 4, (name, few, many)


def nothing_is_lost_and_nothing_is_there_twice(world):
    def all_over():
        answer_all(world)
        return not any(ask(hub, "Referrals/List", {"openOnly": True}).get("referral")
                       for hub in world.hubs.values())
    until("all referrals came to their end", all_over, 120)
    for hub in world.hubs.values():
        rows = hub.ask("SELECT lower(hex(oid)), status FROM referral")
        assert sorted(oid for oid, _ in rows) == sorted(world.sent), (len(rows), len(world.sent))
        assert len({status for _, status in rows}) == 1, "all have the same end"


TESTS = [two_hubs_work_for_long, memory_and_descriptors_stay,
         nothing_is_lost_and_nothing_is_there_twice]

if __name__ == "__main__":
    sys.exit(run_world(World, TESTS))
