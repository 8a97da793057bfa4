"""What the tests of files and of crashes stand on: one real hub, a file of real data, a list of
tests in TAP. Arguments of the test: HUBD HUBCTL SOURCE_ROOT."""

import collections
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

HUBD, HUBCTL, ROOT = sys.argv[1:4]
with open(HUBD, "rb") as program:
    CHECKED = b"__asan_init" in program.read()  # a sanitizer's build: slow, and large
PASSPHRASE = "quatre mots bien choisis"
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


class Hub:
    env = None
    settings = ""  # for hub.ini, besides those that init writes

    def __init__(self, root, port=0):
        """`port`: where other hubs reach it; 0: any, and none does."""
        self.dir = os.path.join(root, "hub")
        url = ["--url", f"wss://127.0.0.1:{port}"] if port else []
        subprocess.run([HUBCTL, "init", "--name", "Mairie de Redon", "--state", self.dir,
                        "--listen", f"127.0.0.1:{port}", *url], check=True,
                       stdout=subprocess.DEVNULL)
        with open(os.path.join(self.dir, "hub.ini"), "a", encoding="utf-8") as ini:
            ini.write(self.settings)
        self.start()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()

    def start(self):
        self.process = subprocess.Popen([HUBD, "--state", self.dir], stderr=subprocess.PIPE,
                                        env=self.env)
        for line in self.process.stderr:
            if b"ready listen=" in line:
                self.port = int(line.split(b"listen=")[1].split()[0].rsplit(b":", 1)[1])
                self.read_log()
                return
        raise AssertionError("hubd did not start")

    def read_log(self):
        """A full pipe would stop the hub."""
        self.log = collections.deque(maxlen=50)
        self.reader = threading.Thread(target=self.log.extend, args=[self.process.stderr])
        self.reader.start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0, list(self.log)
        self.reader.join()

    def ctl(self, *args):
        return subprocess.run([HUBCTL, "--hub", self.dir, *args], check=True,
                              stdout=subprocess.PIPE).stdout

    def add_user(self, name, role):
        self.ctl("call", "Accounts/AddUser", json.dumps(
            {"name": name, "role": role, "passphrase": PASSPHRASE}))

    def memory_kb(self, what):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(what))

    def ask(self, question, *values):
        """Rows of its database, read beside it."""
        with sqlite3.connect(f"file:{self.dir}/hub.db?mode=ro", uri=True, timeout=20) as db:
            return db.execute(question, values).fetchall()

    def kept(self):
        """Rows of files that wait, and bytes of theirs."""
        return self.ask("SELECT (SELECT count(*) FROM import_staged WHERE done = 0), "
                        "(SELECT coalesce(sum(length(data)), 0) FROM import_staged_part)")[0]

    def services(self):
        return self.ask("SELECT count(*) FROM import_record")[0][0]


class Browser:
    """Keeps its session, follows nothing by itself."""

    def __init__(self, hub, name, lang="fr"):
        self.hub, self.lang, self.cookies = hub, lang, {}
        fields = {"csrf": self.csrf("/sign-in"), "name": name, "passphrase": PASSPHRASE, "next": ""}
        answer = self.post("/sign-in", urllib.parse.urlencode(fields).encode(),
                           "application/x-www-form-urlencoded")
        assert answer[0] == 303, answer[0]

    def headers(self, kind="", length=0):
        cookies = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        headers = {"Host": f"127.0.0.1:{self.hub.port}", "Accept-Language": self.lang,
                   "Sec-Fetch-Site": "same-origin", "Cookie": cookies}
        if kind:
            headers |= {"Content-Type": kind, "Content-Length": str(length),
                        "Origin": f"https://127.0.0.1:{self.hub.port}"}
        return {k: v for k, v in headers.items() if v}

    def read(self, link):
        got = link.getresponse()
        for cookie in got.headers.get_all("Set-Cookie") or []:
            key, value = cookie.split(";")[0].split("=", 1)
            self.cookies[key] = value
        return got.status, got.headers, got.read().decode("utf-8", "replace")

    def get(self, path):
        link = self.link()
        link.request("GET", path, headers=self.headers())
        return self.read(link)

    def link(self):
        return http.client.HTTPSConnection("127.0.0.1", self.hub.port, context=TLS, timeout=120)

    def csrf(self, path):
        return re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(path)[2]).group(1)

    def post(self, path, body, kind, pace=None):
        """`body` in pieces; `pace` is asked before each and may end it."""
        link = self.link()
        link.putrequest("POST", path, skip_host=True, skip_accept_encoding=True)
        for key, value in self.headers(kind, len(body)).items():
            link.putheader(key, value)
        link.endheaders()
        for at in range(0, len(body), 65536):
            if pace and not pace(at):
                link.sock.close()
                return None
            link.send(body[at:at + 65536])
        return self.read(link)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def call(hub, method, body, kind="application/proto"):
    """Over the unix socket, as the operator. @return status, body"""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(120)
        sock.connect(os.path.join(hub.dir, "hubd.sock"))
        sock.sendall((f"POST /maillon.api.v1.{method} HTTP/1.1\r\nHost: hub\r\nContent-Type: {kind}"
                      f"\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode())
        try:
            sock.sendall(body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        data = b""
        try:
            while piece := sock.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
    head, _, rest = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


def real_file(size):
    """Services of data.inclusion v1 as large as a file of a whole country; names and sentences are
    those of the real files beside the tests, told apart by a number."""
    data = os.path.join(ROOT, "tests", "vectors", "data")
    with open(os.path.join(data, "redon-structures.json"), encoding="utf-8") as file:
        places = json.load(file)
    with open(os.path.join(data, "data-inclusion-services.json"), encoding="utf-8") as file:
        services = json.load(file)
    kinds = ["accompagnement", "atelier", "information", "formation", "aide-materielle"]
    out, used, number = [], 0, 0
    while used < size - 4096:
        place, service = places[number % len(places)], services[number % len(services)]
        number += 1
        words = [service.get("presentation_resume") or "", place.get("presentation_detail") or ""]
        row = {
            "id": f"essai--{number}", "source": "essai",
            "structure_id": f"essai--{place['id']}",
            "nom": f"{service['nom'][:100]} {number}",
            "description": "\n\n".join(w for w in words if w)[:3000] or "Un accueil ouvert à tous.",
            "type": kinds[number % len(kinds)],
            "thematiques": ["numerique--acquerir-un-equipement"],
            "frais": "gratuit", "publics": ["tous-publics"],
            "modes_accueil": ["en-presentiel"], "date_maj": "2026-05-04",
            "adresse": f"{number % 200 + 1} rue du Port", "commune": "Redon",
            "code_postal": "35600", "code_insee": "35236",
            "latitude": round(47.6 + number % 997 / 9970, 5),
            "longitude": round(-2.1 + number % 991 / 9910, 5),
        }
        text = json.dumps(row, ensure_ascii=False)
        used += len(text.encode()) + 2
        out.append(text)
    return ("[" + ",\n".join(out) + "]").encode(), number


def run_tests(tests, world):
    """In TAP. @return whether one failed, for sys.exit"""
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        started = time.monotonic()
        try:
            test(world)
            verdict = "ok"
        except Exception:  # every failure is one test's, whatever it is
            traceback.print_exc()
            verdict = "not ok"
            failed += 1
        print(f"{verdict} {number} - {test.__name__.replace('_', ' ')} "
              f"# {time.monotonic() - started:.1f} s", flush=True)
    return 1 if failed else 0


def run_world(make_world, tests):
    """The tests on one world in a folder of its own; its hub stops behind them. @return as run_tests"""
    with tempfile.TemporaryDirectory() as root:
        world = make_world(root)
        status = run_tests(tests, world)
        world.hub.stop()
    return status
