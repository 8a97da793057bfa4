#!/usr/bin/env python3
"""A hub of the first release (tests/vectors/upgrade, made by upgrade_make.sh) under today's hubd:
everything is there, in the API and in pages, also when the first starts end in kill -9.

Usage: test_upgrade.py HUBD HUBCTL SOURCE_ROOT SHIFTED_CLOCK
Prints TAP; exits 1 when a test failed.
"""

import gzip
import http.client
import json
import os
import random
import shutil
import sqlite3
import ssl
import subprocess
import sys
import time

from one_hub import HUBD, PASSPHRASE, ROOT, Hub, call, run_world

CLOCK = sys.argv[4]
VECTOR = os.path.join(ROOT, "tests", "vectors", "upgrade")
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE
KILLS = 8
with open(os.path.join(VECTOR, "known.json"), encoding="utf-8") as file:
    KNOWN = json.load(file)


class OldHub(Hub):
    def __init__(self, root, name):
        self.dir = os.path.join(root, name)
        shutil.copytree(VECTOR, self.dir)
        os.chmod(self.dir, 0o700)
        with gzip.open(os.path.join(self.dir, "hub.db.gz")) as packed:
            with open(os.path.join(self.dir, "hub.db"), "wb") as plain:
                plain.write(packed.read())
        with open(os.path.join(self.dir, "hub.ini"), "a", encoding="utf-8") as ini:
            ini.write("listen = 127.0.0.1:0\n")
        for name in os.listdir(self.dir):
            os.chmod(os.path.join(self.dir, name), 0o600)
        # An hour after it was made: its sessions are open, its notices not over.
        self.env = os.environ | {"LD_PRELOAD": CLOCK, "SHIFTED_CLOCK_S":
                                 str(int(KNOWN["made"] + 3600 - time.time()))}

    def version(self):
        with sqlite3.connect(f"{self.dir}/hub.db") as db:
            return db.execute("PRAGMA user_version").fetchone()[0]


def ask(hub, method, request):
    status, body = call(hub, method, json.dumps(request).encode(), "application/json")
    assert status == 200, (method, status, body[:300])
    return json.loads(body)


def with_token(hub, path, headers, body=None):
    link = http.client.HTTPSConnection("127.0.0.1", hub.port, context=TLS, timeout=30)
    link.request("POST" if body is not None else "GET", path, body, headers)
    answer = link.getresponse()
    return answer.status, answer.read().decode()


def kill_9_while_it_migrates(world):
    """All of it or nothing: the hubd of before could open what is left."""
    turn, seen = random.Random(3), []
    for number in range(KILLS):
        starting = subprocess.Popen([HUBD, "--state", world.killed.dir], env=world.killed.env,
                                    stderr=subprocess.DEVNULL)
        time.sleep(1.5 * world.start_s * (number + turn.random()) / KILLS)
        starting.kill()
        starting.wait()
        seen.append(world.killed.version())
        assert seen[-1] in (13, world.newest), seen
    print(f"# after each kill the schema is {seen}")
    world.killed.start()
    assert world.killed.version() == world.newest
    assert len(ask(world.killed, "Accounts/ListUsers", {})["account"]) == 4
    everything_is_there(world.killed)
    world.killed.stop()


def everything_is_there(hub):
    accounts = {a["name"]: a for a in ask(hub, "Accounts/ListUsers", {})["account"]}
    assert set(accounts) == {"marie", "lea", "alix", "parti"}, accounts
    assert accounts["parti"].get("disabled"), accounts["parti"]
    rows = {r["id"]: r for r in ask(hub, "Referrals/List", {"limit": 100})["referral"]}
    status = {name: rows[KNOWN[name]]["status"] for name in ("sent", "done", "got")}
    assert status == {"sent": "accepted", "done": "completed", "got": "requested"}, status
    one = ask(hub, "Referrals/Get", {"id": KNOWN["got"]})
    assert one["need"] == "remplir un dossier de logement", one
    assert [e.get("text") for e in one["event"]][-1] == "quel jour vous convient ?", one["event"]
    found = ask(hub, "Notices/Get", {"id": KNOWN["notice"]})
    assert found["content"]["quantity"]["amount"] == 12 and found["remaining"] == 7, found
    assert found["claim"][0]["status"] == "agreed", found["claim"]
    assert ask(hub, "Notices/Get", {"id": KNOWN["theirs"]})["content"]["what"] == "chaises"
    for words, name in (("bicyclette", "Réparation de vélos"), ("courriel", "Permanence numérique"),
                        ("couture", "Cours de couture"), ("jardin", "Jardin partagé")):
        services = ask(hub, "Directory/Search", {"words": words})["service"]
        assert any(s["content"]["name"] == name for s in services), (words, services)
    peers = ask(hub, "Peers/List", {})["peer"]
    assert [p["state"] for p in peers] == ["accepted"], peers
    assert ask(hub, "Audit/Verify", {})["ok"]
    assert hub.ask("PRAGMA quick_check") == [("ok",)] and not hub.ask("PRAGMA foreign_key_check")


def it_is_all_there_in_the_api(world):
    everything_is_there(world.hub)


def sessions_tokens_and_passphrases_go_on(world):
    hub = world.hub
    who = "/maillon.api.v1.Accounts/WhoAmI"
    for name, token in (("marie", KNOWN["session"]), ("alix", KNOWN["token"])):
        status, said = with_token(hub, who, {"Authorization": f"Bearer {token}",
                                             "Content-Type": "application/json"}, "{}")
        assert status == 200 and json.loads(said)["name"] == name, (status, said)
    got = ask(hub, "Accounts/SignIn", {"name": "lea", "passphrase": PASSPHRASE})
    assert got["token"].startswith("mlt_")


def pages_show_it(world):
    hub = world.hub
    pages = {"/": "Cas 14", "/referrals": "Cas 12", f"/referrals/{KNOWN['got']}": "dossier de logement",
             "/notices": "matelas", f"/notices/{KNOWN['notice']}": "matelas",
             "/directory?words=couture": "Cours de couture", "/account": "marie"}
    for path, word in pages.items():
        status, text = with_token(hub, path, {"Cookie": f"__Host-maillon={KNOWN['session']}",
                                              "Accept-Language": "fr"})
        assert status == 200 and word in text, (path, status, word in text)


def it_goes_on_working(world):
    hub = world.hub
    ask(hub, "Referrals/Act", {"id": KNOWN["got"], "action": "accept", "contactName": "l'accueil",
                               "nextStep": "venir jeudi"})
    assert ask(hub, "Referrals/Get", {"id": KNOWN["got"]})["status"] == "accepted"
    ask(hub, "Notices/Post", {"until": "7d", "content": {"kind": "surplus", "what": "pommes",
                                                         "quantity": {"amount": 30, "unit": "kg"}}})
    hub.stop()
    hub.start()
    assert ask(hub, "Referrals/Get", {"id": KNOWN["got"]})["status"] == "accepted"
    assert len(ask(hub, "Notices/List", {"limit": 100})["notice"]) == 3


TESTS = [
    it_is_all_there_in_the_api,
    sessions_tokens_and_passphrases_go_on,
    pages_show_it,
    it_goes_on_working,
    kill_9_while_it_migrates,
]


class World:
    def __init__(self, root):
        self.killed = OldHub(root, "killed")
        self.hub = OldHub(root, "hub")
        assert self.hub.version() == 13
        started = time.monotonic()
        self.hub.start()
        self.start_s = time.monotonic() - started
        self.newest = self.hub.version()
        assert self.newest > 13


if __name__ == "__main__":
    sys.exit(run_world(World, TESTS))
