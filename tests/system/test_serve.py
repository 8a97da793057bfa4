#!/usr/bin/env python3
"""HTTP, WebSocket and unix socket of the real hubd under hostile input.

Usage: test_serve.py HUBD HUBCTL
Prints TAP; exits 1 when a test failed.
"""

import base64
import json
import os
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import traceback

HUBD, HUBCTL = sys.argv[1:3]
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE
STATUS = "/maillon.api.v1.Node/Status"


class Hub:
    def __init__(self, root, name, extra=""):
        self.dir = os.path.join(root, name)
        subprocess.run([HUBCTL, "init", "--name", name, "--state", self.dir, "--listen",
                        "127.0.0.1:0"], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(self.dir, "hub.ini"), "a", encoding="utf-8") as ini:
            ini.write(extra)
        self.process = None

    def start(self):
        self.process = subprocess.Popen([HUBD, "--state", self.dir], stderr=subprocess.PIPE)
        for line in self.process.stderr:
            if b"ready listen=" in line:
                self.port = int(line.split(b"listen=")[1].split()[0].rsplit(b":", 1)[1])
                return self
        raise AssertionError("hubd did not start")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        rest = self.process.stderr.read()
        assert self.process.wait(timeout=20) == 0, rest
        assert b"left open" not in rest, rest

    def connect(self, tls=True):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return TLS.wrap_socket(sock) if tls else sock

    def local(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(10)
        sock.connect(os.path.join(self.dir, "hubd.sock"))
        return sock

    def memory_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_all(sock):
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except (ConnectionError, ssl.SSLError):
        pass
    return data


def read_answer(sock):
    """One HTTP answer: status, headers, body. None when the connection ended before it."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            piece = sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return None
        if not piece:
            return None
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        body += sock.recv(65536)
    return int(lines[0].split()[1]), headers, body


def post(path, body, headers=""):
    body = body if isinstance(body, bytes) else body.encode()
    head = (f"POST {path} HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n")
    return head.encode() + body


def call(hub, method, request, headers=""):
    with hub.local() as sock:
        sock.sendall(post(f"/maillon.api.v1.{method}", json.dumps(request), headers))
        status, _, body = read_answer(sock)
        return status, json.loads(body)


def status_of(hub, raw, tls=True):
    with hub.connect(tls) as sock:
        sock.sendall(raw)
        answer = read_answer(sock)
        return answer and answer[0]


def is_closed(sock, timeout=15):
    sock.settimeout(timeout)
    try:
        return sock.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True


def alive(hub):
    return status_of(hub, b"GET /sign-in HTTP/1.1\r\nHost: hub\r\n\r\n") == 200


# Requests that are refused: what is sent, the status (None: closed without an answer).
REFUSED = [
    ("transfer coding", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("transfer coding alone", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("negative length", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
     400),
    ("length that is no number", "POST " + STATUS +
     " HTTP/1.1\r\nHost: h\r\nContent-Length: 5x\r\n\r\nhello", 400),
    ("two lengths", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
     "Content-Length: 3\r\n\r\n{}", 400),
    ("huge length", "POST " + STATUS +
     " HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    ("too large", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n"
     "Content-Type: application/json\r\nContent-Length: 1048577\r\n\r\n", 413),
    ("large without a token", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\n"
     "Content-Type: application/json\r\nContent-Length: 65536\r\n\r\n", 413),
    ("no length", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\n"
     "Content-Type: application/json\r\n\r\n", 411),
    ("page without a length", "POST /sign-in HTTP/1.1\r\nHost: h\r\n"
     "Content-Type: application/x-www-form-urlencoded\r\n\r\n", 411),
    ("form", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\n"
     "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\n{}", 415),
    ("no type", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", 415),
    ("unknown method of the API", "POST /maillon.api.v1.Node/Nothing HTTP/1.1\r\nHost: h\r\n"
     "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 404),
    ("get with a body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", 400),
    ("delete", "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
    ("put", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 405),
    ("options", "OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
    ("expectation", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
     "Content-Length: 2\r\nExpect: tea\r\n\r\n{}", 417),
    ("basic authentication", "POST " + STATUS + " HTTP/1.1\r\nHost: h\r\n"
     "Content-Type: application/json\r\nAuthorization: Basic eDp5\r\nContent-Length: 2\r\n\r\n{}",
     401),
    ("connect", "CONNECT hub:443 HTTP/1.1\r\nHost: h\r\n\r\n", None),
    ("HTTP/2 upgrade", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
     "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", None),
    ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "any"),
    ("headers of 20 KB", "GET / HTTP/1.1\r\nHost: h\r\n" + "X: " + "y" * 20000 + "\r\n\r\n",
     "any"),
    ("a path of 3 KB", "GET /" + "a" * 3000 + " HTTP/1.1\r\nHost: h\r\n\r\n", 404),
    ("no HTTP at all", "\x00\x01\x02hello\r\n\r\n", "any"),
    ("upgrade to something", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
     "Upgrade: foo\r\n\r\n", "any"),
]


def refused_requests_get_their_status_and_the_connection_ends(hub):
    for name, raw, status in REFUSED:
        with hub.connect() as sock:
            sock.sendall(raw.encode("latin-1"))
            answer = read_answer(sock)
            got = answer and answer[0]
            assert status == "any" and got != 200 or got == status, (name, got)
            assert is_closed(sock), name
    assert alive(hub)


def errors_are_json_with_a_connect_code(hub):
    with hub.connect() as sock:
        sock.sendall(post(STATUS, "{}"))
        status, headers, body = read_answer(sock)
        assert status == 401 and headers["content-type"] == "application/json"
        assert json.loads(body)["code"] == "unauthenticated"


def a_connection_serves_many_calls_one_after_another(hub):
    with hub.local() as sock:
        for _ in range(200):
            sock.sendall(post(STATUS, "{}"))
            status, headers, body = read_answer(sock)
            assert status == 200 and headers["connection"] == "keep-alive"
            assert json.loads(body)["name"] == "serve"


def a_request_behind_a_body_is_not_answered_twice(hub):
    raw = post(STATUS, "{}") + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    for _ in range(20):
        with hub.local() as sock:
            sock.sendall(raw)
            data = read_all_or_idle(sock)
        assert data.count(b"HTTP/1.1 ") in (1, 2), data
        assert data.count(b'"name":"serve"') == 1
    before = hub.cpu_s()
    assert alive(hub) and hub.cpu_s() - before < 1


def read_all_or_idle(sock):
    data = b""
    while select.select([sock], [], [], 0.3)[0]:
        piece = sock.recv(65536)
        if not piece:
            break
        data += piece
    return data


def a_body_may_come_byte_by_byte(hub):
    with hub.local() as sock:
        for byte in post(STATUS, "{}"):
            sock.sendall(bytes([byte]))
        assert read_answer(sock)[0] == 200


def an_empty_body_is_answered(hub):
    with hub.local() as sock:
        sock.sendall(post(STATUS, ""))
        assert read_answer(sock)[0] in (200, 400)
        sock.sendall(post(STATUS, "{}"))
        assert read_answer(sock)[0] == 200


def continue_is_said_when_it_is_waited_for(hub):
    with hub.local() as sock:
        head = post(STATUS, "{}", "Expect: 100-continue\r\n")
        sock.sendall(head[:-2])
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"{}")
        assert read_answer(sock)[0] == 200


def head_has_no_body_and_old_http_closes(hub):
    with hub.connect() as sock:
        sock.sendall(b"HEAD /sign-in HTTP/1.1\r\nHost: h\r\n\r\n"
                     b"GET /maillon.no HTTP/1.1\r\nHost: h\r\n\r\n")
        data = b""
        while data.count(b"\r\n\r\n") < 2:
            data += sock.recv(65536)
        assert b"<html" not in data and data.count(b"HTTP/1.1 ") == 2
    with hub.connect() as sock:
        sock.sendall(b"GET /sign-in HTTP/1.0\r\n\r\n")
        assert read_all(sock).startswith(b"HTTP/1.1 200 ")


def metrics_are_shown_to_loopback(hub):
    with hub.connect() as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        status, headers, body = read_answer(sock)
        assert status == 200 and headers["content-type"].startswith("text/plain")
        assert b"maillon_refused_http_total" in body


def tls_older_than_1_2_and_http_2_are_not_spoken(hub):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", hub.port)) as sock:
        with context.wrap_socket(sock) as tls:
            assert tls.selected_alpn_protocol() == "http/1.1"


# WebSockets.

def handshake(path, protocol, headers=""):
    key = base64.b64encode(os.urandom(16)).decode()
    offer = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
    return (f"GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{offer}{headers}\r\n"
            ).encode()


def frame(opcode, data, final=True):
    mask = os.urandom(4)
    size = len(data)
    head = bytes([opcode | (0x80 if final else 0)])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


def exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read_frame(sock):
    """Opcode and data of one frame; (None, b"") at the end."""
    try:
        head = exactly(sock, 2)
        size = head[1] & 127
        if size == 126:
            size = struct.unpack(">H", exactly(sock, 2))[0]
        return head[0] & 15, exactly(sock, size)
    except (EOFError, ConnectionError, ssl.SSLError):
        return None, b""


def close_code(sock):
    while True:
        opcode, data = read_frame(sock)
        if opcode is None:
            return None
        if opcode == 8:
            return struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005


def upgrade(sock, raw):
    sock.sendall(raw)
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            piece = sock.recv(1)
        except (ConnectionError, ssl.SSLError):
            return None
        if not piece:
            return None
        data += piece
    return data.decode()


WATCH = "/maillon.api.v1/watch"
NO_UPGRADE = [
    ("no subprotocol", handshake("/hfp", None)),
    ("unknown subprotocol", handshake("/hfp", "hfp.2")),
    ("the name of protocol 0", handshake("/hfp", "maillon http")),
    ("wrong path of a link", handshake("/", "hfp.1.cb, hfp.1")),
    ("a link from a page", handshake("/hfp", "hfp.1.cb, hfp.1", "Origin: https://hub\r\n")),
    ("wrong path of watch", handshake("/watch", "maillon.watch.v1", "Authorization: Bearer x\r\n")),
    ("watch without a token", handshake(WATCH, "maillon.watch.v1")),
    ("watch from another site", handshake(WATCH, "maillon.watch.v1",
                                          "Authorization: Bearer x\r\nOrigin: https://evil\r\n")),
    ("watch after nonsense", handshake(WATCH + "?after=x", "maillon.watch.v1",
                                       "Authorization: Bearer x\r\n")),
    ("watch with more in the query", handshake(WATCH + "?after=1&b=2", "maillon.watch.v1",
                                               "Authorization: Bearer x\r\n")),
]


def websockets_that_are_not_ours_are_closed(hub):
    for name, raw in NO_UPGRADE:
        with hub.connect() as sock:
            answer = upgrade(sock, raw)
            assert answer is None or " 101 " not in answer, (name, answer)
    assert alive(hub)


def link(hub):
    sock = hub.connect()
    answer = upgrade(sock, handshake("/hfp", "hfp.1.cb, hfp.1"))
    assert answer and " 101 " in answer and "hfp.1.cb\r\n" in answer, answer
    assert "permessage-deflate" not in answer
    return sock


LINK_INPUT = [
    ("text", frame(1, b"hello"), 1003),
    ("65,536 bytes", frame(2, b"x" * 65536), 1009),
    ("pieces that grow too large", frame(2, b"x" * 40000, False) + frame(0, b"x" * 40000), 1009),
    ("a length of 2^62", bytes([0x82, 0xff]) + struct.pack(">Q", 1 << 62) + b"1234" + b"x" * 100,
     1009),
    ("reserved bits", bytes([0xf2]) + frame(2, b"x")[1:], 1002),
    ("an opcode nobody knows", frame(3, b"x"), 1002),
    ("an orphan continuation", frame(0, b"x"), 1002),
    ("nonsense", frame(2, os.urandom(300)), "any"),
    ("an empty message", frame(2, b""), "any"),
]


def links_that_break_the_rules_are_closed_with_a_code(hub):
    for name, raw, code in LINK_INPUT:
        with link(hub) as sock:
            sock.sendall(raw)
            got = close_code(sock)
            assert code == "any" and got is not None or got == code, (name, got)
    assert alive(hub)


def a_ping_is_answered_before_the_proofs(hub):
    with link(hub) as sock:
        sock.sendall(frame(9, b"here?"))
        assert read_frame(sock) == (10, b"here?")


def make_user(hub, name, role):
    status, answer = call(hub, "Accounts/AddUser", {"name": name, "role": role})
    assert status == 200, answer
    status, session = call(hub, "Accounts/SignIn",
                           {"name": name, "passphrase": answer["passphrase"]})
    assert status == 200, session
    return session["token"]


def a_token_opens_calls_and_watch(hub):
    token = make_user(hub, "ada", "admin")
    bearer = f"Authorization: Bearer {token}\r\n"
    with hub.connect() as sock:
        for _ in range(3):
            sock.sendall(post(STATUS, "{}", bearer))
            assert read_answer(sock)[0] == 200
    with hub.connect() as sock:
        answer = upgrade(sock, handshake(WATCH + "?after=0", "maillon.watch.v1", bearer))
        assert answer and " 101 " in answer, answer
        sock.sendall(frame(9, b"?"))
        while True:
            opcode, data = read_frame(sock)
            assert opcode in (1, 10), opcode
            if opcode == 10:
                break
            json.loads(data)
        sock.sendall(frame(1, b"hello"))
        assert close_code(sock) == 1003


def a_large_body_waits_until_it_is_known_who_sends_it(hub):
    known = f"Authorization: Bearer {make_user(hub, 'mia', 'caseworker')}\r\n"
    stranger = "Authorization: Bearer mlt_nonsense\r\n"
    for size in (17000, 40000, 300000, 1000000):
        body = "{" + " " * size + "}"
        with hub.connect() as sock:
            for _ in range(2):
                sock.sendall(post(STATUS, body, known))
                assert read_answer(sock)[0] == 200, size
        with hub.connect() as sock:
            head, _, rest = post(STATUS, body, stranger).partition(b"\r\n\r\n")
            sock.sendall(head + b"\r\n\r\n" + rest[:100])
            status, _, answer = read_answer(sock)
            assert status == 401 and json.loads(answer)["code"] == "unauthenticated", answer
        assert status_of(hub, b"POST /account/passphrase HTTP/1.1\r\nHost: hub\r\n"
                         b"Cookie: __Host-maillon=mlt_nonsense\r\n"
                         b"Content-Type: application/x-www-form-urlencoded\r\n"
                         b"Content-Length: %d\r\n\r\n" % size) in (401, 413)


def strangers_who_promise_much_keep_nobody_out(hub):
    promise = ("POST /maillon.api.v1.%s HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n"
               "Content-Type: application/json\r\nAuthorization: Bearer mlt_nonsense\r\n\r\n{")
    socks = [hub.connect() for _ in range(36)]
    try:
        for i, sock in enumerate(socks):
            large = ("Directory/Import", 64 << 20) if i < 2 else ("Node/Status", 1 << 20)
            sock.sendall((promise % large).encode())
        assert status_of(hub, post(STATUS, "{}")) == 401
    finally:
        for sock in socks:
            sock.close()


def a_wrong_token_is_told_so_on_watch(hub):
    with hub.connect() as sock:
        answer = upgrade(sock, handshake(WATCH, "maillon.watch.v1",
                                         "Authorization: Bearer mlt_nonsense\r\n"))
        assert answer is None or close_code(sock) == 1008, answer


def the_operator_speaks_for_an_account_over_the_socket(hub):
    make_user(hub, "cas", "caseworker")
    status, answer = call(hub, "Accounts/WhoAmI", {}, "Maillon-User: cas\r\n")
    assert status == 200 and answer["name"] == "cas", answer
    status, answer = call(hub, "Accounts/ListUsers", {}, "Maillon-User: cas\r\n")
    assert status == 403, answer
    status, answer = call(hub, "Accounts/WhoAmI", {}, "Maillon-User: nobody\r\n")
    assert status == 404, answer
    # Not over the network: there the header means nothing.
    with hub.connect() as sock:
        sock.sendall(post("/maillon.api.v1.Accounts/WhoAmI", "{}", "Maillon-User: cas\r\n"))
        assert read_answer(sock)[0] == 401


def a_stranger_s_uid_gets_nothing_from_the_socket(hub):
    if os.geteuid() != 0:
        return
    path = os.path.join(hub.dir, "hubd.sock")
    for name in (os.path.dirname(hub.dir), hub.dir):
        os.chmod(name, 0o711)
    os.chmod(path, 0o666)
    code = ("import os,socket,sys; os.setgid(65534); os.setuid(65534); s=socket.socket(1);"
            "s.settimeout(10); s.connect(sys.argv[1]);\n"
            "try:\n s.sendall(b'GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n'); d=s.recv(10)\n"
            "except ConnectionError: d=b''\n"
            "sys.exit(1 if d else 0)")
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 0
    os.chmod(path, 0o660)


def a_host_header_of_another_side_changes_nothing(hub):
    for host in ("local", "dial any", "public", ":", ""):
        for sock in (hub.connect(), hub.local()):
            with sock:
                sock.sendall(f"GET /sign-in HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                answer = read_answer(sock)
                assert answer is None or answer[0] == 200, (host, answer)
    assert alive(hub)


def a_thousand_silent_connections_do_not_keep_others_out(hub):
    before = hub.memory_kb()
    silent = []
    try:
        for i in range(1000):
            silent.append(socket.create_connection(("127.0.0.1", hub.port), timeout=10))
            if i % 2:
                silent[-1].sendall(b"\x16\x03\x01" if i % 4 == 1 else b"GET / HT")
        assert alive(hub)
        status, _ = call(hub, "Node/Status", {})
        assert status == 200
        grown = hub.memory_kb() - before
        assert grown < 160000, grown  # room for a sanitizer's; about 30,000 without
    finally:
        for sock in silent:
            sock.close()
    assert alive(hub)


def silent_links_end_after_the_handshake_time(hub):
    socks = [link(hub) for _ in range(5)]
    started = time.monotonic()
    for sock in socks:
        sock.settimeout(20)
        assert close_code(sock) is not None
        sock.close()
    assert 5 < time.monotonic() - started < 19


def a_second_daemon_says_that_one_runs(hub):
    second = subprocess.run([HUBD, "--state", hub.dir], capture_output=True, timeout=20,
                            check=False)
    assert second.returncode == 1 and b"stop it first" in second.stderr, second.stderr
    assert call(hub, "Node/Status", {})[0] == 200  # its socket was not taken away


def a_stop_ends_watchers_with_1001(hub):
    token = make_user(hub, "eve", "caseworker")
    sock = hub.connect()
    assert " 101 " in upgrade(sock, handshake(WATCH, "maillon.watch.v1",
                                              f"Authorization: Bearer {token}\r\n"))
    idle = hub.local()
    hub.process.send_signal(signal.SIGTERM)
    assert close_code(sock) == 1001
    assert is_closed(idle)
    sock.close()
    rest = hub.process.stderr.read()
    assert hub.process.wait(timeout=20) == 0 and b"left open" not in rest, rest
    assert not os.path.exists(os.path.join(hub.dir, "hubd.sock"))
    hub.start()


def a_killed_daemon_starts_again_in_the_same_place(hub):
    hub.process.kill()
    hub.process.wait()
    hub.start()
    assert call(hub, "Node/Status", {})[0] == 200


def reload(hub, settings, key=None):
    """Settings on top of hub.ini, another TLS key; what the daemon says to SIGHUP."""
    os.makedirs(os.path.join(hub.dir, "conf.d"), exist_ok=True)
    with open(os.path.join(hub.dir, "conf.d", "reload.ini"), "w", encoding="utf-8") as ini:
        ini.write(settings)
    path = os.path.join(hub.dir, "tls.key")
    with open(path, "rb") as file:
        old = file.read()
    if key:
        with open(path, "wb") as file:
            file.write(key)
    hub.process.send_signal(signal.SIGHUP)
    line = b""
    while b"reloaded" not in line:
        line = hub.process.stderr.readline()
    with open(path, "wb") as file:
        file.write(old)
    return line


def option(hub, name):
    _, answer = call(hub, "Node/Config", {})
    return next(row["value"] for row in answer["option"] if row["name"] == name)


def a_reload_that_fails_changes_no_setting(hub):
    assert b"not reloaded" in reload(hub, "undo-seconds = 3\n", b"nonsense")
    assert option(hub, "undo-seconds") == "10"
    assert b"not reloaded" in reload(hub, "undo-seconds = 3\nlog-level = chatty\n")
    assert option(hub, "undo-seconds") == "10"
    assert b"not reloaded" not in reload(hub, "undo-seconds = 3\n")
    assert option(hub, "undo-seconds") == "3"
    assert b"not reloaded" not in reload(hub, "")
    assert option(hub, "undo-seconds") == "10"


def metrics_are_not_shown_to_whom_a_proxy_brings(hub):
    ask = b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"
    reload(hub, "trusted-proxy = 127.0.0.1\n")
    seen = status_of(hub, ask)
    reload(hub, "")
    assert seen == 404 and status_of(hub, ask) == 200, seen


def a_reload_takes_the_new_certificate(hub):
    def seen():
        with hub.connect() as sock:
            return sock.getpeercert(True)
    before = seen()
    other = Hub(os.path.dirname(hub.dir), "other")
    for name in ("tls.crt", "tls.key"):
        shutil.copy(os.path.join(other.dir, name), os.path.join(hub.dir, name))
    hub.process.send_signal(signal.SIGHUP)
    while b"reloaded" not in hub.process.stderr.readline():
        pass
    assert seen() != before


def failures(root):
    """Starts that must fail: name, what to do before, what the message says."""
    def fail(name, prepare, text):
        hub = Hub(root, name)
        prepare(hub)
        done = subprocess.run([HUBD, "--state", hub.dir], capture_output=True, timeout=20,
                              check=False)
        assert done.returncode == 1 and text in done.stderr, (name, done)
        assert done.stderr.count(b"\n") == 1 and not done.stdout, done

    def add(line):
        def prepare(hub):
            path = os.path.join(hub.dir, "hub.ini")
            with open(path, encoding="utf-8") as ini:
                kept = [old for old in ini if old.split("=")[0].strip() != line.split(" ")[0]]
            with open(path, "w", encoding="utf-8") as ini:
                ini.writelines(kept + [line + "\n"])
        return prepare

    def replace(name, content):
        def prepare(hub):
            for extra in ("-wal", "-shm"):
                if os.path.exists(os.path.join(hub.dir, name + extra)):
                    os.unlink(os.path.join(hub.dir, name + extra))
            with open(os.path.join(hub.dir, name), "wb") as file:
                file.write(content)
        return prepare

    missing = subprocess.run([HUBD, "--state", os.path.join(root, "nowhere")], capture_output=True,
                             timeout=20, check=False)
    assert missing.returncode == 1 and b"run hubctl init" in missing.stderr, missing
    usage = subprocess.run([HUBD, "--nonsense"], capture_output=True, timeout=20, check=False)
    assert usage.returncode == 2
    taken = socket.create_server(("127.0.0.1", 0))
    fail("port-in-use", add(f"listen = 127.0.0.1:{taken.getsockname()[1]}"), b"is in use")
    taken.close()
    fail("bad-listen", add("listen = hub.example:8443"), b"not a numeric address")
    fail("plain", lambda hub: (add("tls-certificate = ")(hub), add("listen = 0.0.0.0:0")(hub)),
         b"loopback only")
    fail("no-certificate", lambda hub: os.unlink(os.path.join(hub.dir, "tls.crt")),
         b"cannot read the TLS certificate")
    fail("wrong-key", replace("tls.key", b"nonsense"), b"holds no PEM key")
    fail("open-key", lambda hub: os.chmod(os.path.join(hub.dir, "op.key"), 0o644), b"op.key")
    fail("no-database", replace("hub.db", b"this is no database, " * 200), b"hub.db")
    fail("unknown-option", add("colour = blue"), b"colour")
    fail("bad-uids", add("socket-uids = root"), b"socket-uids")


TESTS = [
    refused_requests_get_their_status_and_the_connection_ends,
    errors_are_json_with_a_connect_code,
    a_connection_serves_many_calls_one_after_another,
    a_request_behind_a_body_is_not_answered_twice,
    a_body_may_come_byte_by_byte,
    an_empty_body_is_answered,
    continue_is_said_when_it_is_waited_for,
    head_has_no_body_and_old_http_closes,
    metrics_are_shown_to_loopback,
    tls_older_than_1_2_and_http_2_are_not_spoken,
    websockets_that_are_not_ours_are_closed,
    links_that_break_the_rules_are_closed_with_a_code,
    a_ping_is_answered_before_the_proofs,
    a_token_opens_calls_and_watch,
    a_large_body_waits_until_it_is_known_who_sends_it,
    strangers_who_promise_much_keep_nobody_out,
    a_wrong_token_is_told_so_on_watch,
    the_operator_speaks_for_an_account_over_the_socket,
    a_stranger_s_uid_gets_nothing_from_the_socket,
    a_host_header_of_another_side_changes_nothing,
    a_thousand_silent_connections_do_not_keep_others_out,
    silent_links_end_after_the_handshake_time,
    a_second_daemon_says_that_one_runs,
    a_stop_ends_watchers_with_1001,
    a_killed_daemon_starts_again_in_the_same_place,
    a_reload_that_fails_changes_no_setting,
    metrics_are_not_shown_to_whom_a_proxy_brings,
    a_reload_takes_the_new_certificate,
]


def main():
    failed = 0
    print(f"1..{len(TESTS) + 1}")
    with tempfile.TemporaryDirectory() as root:
        # Hostile links all come from one address here.
        hub = Hub(root, "serve", "metrics = yes\naddress-per-minute = 100000\n"
                  "address-burst = 10000\n").start()
        steps = [(test.__name__, lambda test=test: test(hub)) for test in TESTS]
        steps.append(("starts_that_must_fail_say_what_to_do", lambda: failures(root)))
        for number, (name, step) in enumerate(steps, 1):
            started = time.monotonic()
            try:
                step()
                verdict = "ok"
            except Exception:  # every failure is one test's, whatever it is
                traceback.print_exc()
                verdict = "not ok"
                failed += 1
            print(f"{verdict} {number} - {name.replace('_', ' ')} "
                  f"# {time.monotonic() - started:.1f} s", flush=True)
        hub.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
