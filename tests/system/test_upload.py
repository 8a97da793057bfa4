#!/usr/bin/env python3
"""Files that an admin sends, through the page and through the API: up to the limit, one byte past
it, slowly, and broken off in the middle; and what everybody else gets meanwhile.

Usage: test_upload.py HUBD HUBCTL SOURCE_ROOT
Prints TAP; exits 1 when a test failed.
"""

import json
import os
import re
import sys
import threading
import time
import urllib.parse

from jsonschema import Draft202012Validator

from one_hub import CHECKED, ROOT, Browser, Hub, call, real_file, run_world

PAGE_UPLOAD_MAX = 33554432  # hub/web/pages.h
API_IMPORT_MAX = 67108864  # proto/limits.h
REAL = 20 << 20
LOOP_MS = 250  # nobody waits longer for work that is not theirs
BOUNDARY = "b0undary0f0ne0f0ur0wn"
WORDS = {  # of the page that says it
    "too large": {"fr": "32 Mo", "en": "32 MB"},
    "not allowed": {"fr": "rôle", "en": "role"},
    "not signed in": {"fr": "Connectez-vous à nouveau", "en": "Sign in again"},
}


class Uploader(Browser):
    def form(self, file, size=0, name="france.json"):
        """The form of /admin/import with one file; blanks behind it make `size` of the whole."""
        fields = {"csrf": self.csrf("/admin/import"), "source": "france", "licence": "ODbL 1.0",
                  "format": "data-inclusion"}
        head = "".join(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'
                       for k, v in fields.items())
        head += (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"'
                 "\r\nContent-Type: application/json\r\n\r\n")
        end = f"\r\n--{BOUNDARY}--\r\n".encode()
        blanks = b" " * max(0, size - len(head.encode()) - len(file) - len(end))
        return head.encode() + file + blanks + end

    def send(self, body, pace=None):
        return self.post("/admin/import", body, f"multipart/form-data; boundary={BOUNDARY}", pace)


class Readers:
    """Somebody who opens the first page again and again: how long each took, and how long the loop
    was at work meanwhile, on whatever, which a busy machine does not change."""

    def __init__(self, hub, name):
        self.browser, self.took, self.held, self.ends = Uploader(hub, name), [], [], False
        self.loop = f"/proc/{hub.process.pid}/task/{hub.process.pid}/schedstat"
        self.thread = threading.Thread(target=self.run)

    def loop_ms(self):
        with open(self.loop, encoding="ascii") as stat:
            return int(stat.read().split()[0]) / 1e6

    def run(self):
        link = self.browser.link()
        while not self.ends:
            started, worked = time.monotonic(), self.loop_ms()
            link.request("GET", "/", headers=self.browser.headers())
            answer = link.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            self.took.append((time.monotonic() - started) * 1000)
            self.held.append(self.loop_ms() - worked)
            time.sleep(0.005)
        link.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()

    def told(self, what, seconds):
        took = sorted(self.took)
        held = max(self.held)
        print(f"# {what}, {seconds:.1f} s: {len(took)} pages, p50 {took[len(took) // 2]:.1f} ms, p99 "
              f"{took[len(took) * 99 // 100]:.1f} ms, worst {took[-1]:.1f} ms; the loop was at work "
              f"at most {held:.1f} ms meanwhile", flush=True)
        assert CHECKED or held < LOOP_MS, held


def says(answer, status, what, lang):
    assert answer, "no answer"
    got, headers, text = answer
    assert got == status, (got, text[:200])
    assert headers["Content-Type"].startswith("text/html"), (headers["Content-Type"], text[:200])
    assert headers["Content-Language"] == lang, headers["Content-Language"]
    said = re.sub(r"<[^>]+>", " ", text.split("<main", 1)[-1])
    assert WORDS[what][lang] in said, said.strip()[:400]


def the_file_follows_the_schema(world):
    path = os.path.join(ROOT, "tests", "vectors", "data-inclusion-v1", "service.schema.json")
    with open(path, encoding="utf-8") as file:
        schema = Draft202012Validator(json.load(file))
    for row in json.loads(world.small):
        schema.validate(row)


def exactly_the_limit_is_taken(world):
    answer = world.admin.send(world.admin.form(world.small, PAGE_UPLOAD_MAX))
    assert answer[0] == 303, (answer[0], answer[2][:300])
    where = answer[1]["Location"]
    page = world.admin.get(where)
    assert page[0] == 200 and str(world.small_rows) in page[2]
    assert world.hub.kept()[0] == 1
    assert PAGE_UPLOAD_MAX - 4096 < world.hub.kept()[1] < PAGE_UPLOAD_MAX
    world.drop(where)


def one_byte_more_is_refused_in_the_language_of_the_person(world):
    for browser in (world.admin, world.english):
        for size in (PAGE_UPLOAD_MAX + 1, 2 * PAGE_UPLOAD_MAX):
            answer = browser.send(browser.form(world.small, size))
            says(answer, 413, "too large", browser.lang)
            assert world.hub.kept() == (0, 0), world.hub.kept()


def who_may_not_send_files_is_told_so_in_a_page(world):
    caseworker = Uploader(world.hub, "marie", "en")
    body = world.admin.form(world.small, 2 << 20)
    says(caseworker.send(body), 403, "not allowed", "en")
    gone = Uploader(world.hub, "chef")
    other = Uploader(world.hub, "chef")
    body = gone.form(world.small, 2 << 20)
    other.post("/account/sessions/end-others",
               urllib.parse.urlencode({"csrf": other.csrf("/account")}).encode(),
               "application/x-www-form-urlencoded")
    says(gone.send(body), 401, "not signed in", "fr")
    world.admin = Uploader(world.hub, "chef")
    assert world.hub.kept() == (0, 0), world.hub.kept()


def a_real_file_comes_slowly_and_nobody_waits_for_it(world):
    body = world.admin.form(world.real)
    seconds = 2.0
    started = time.monotonic()

    def pace(at):
        late = started + seconds * at / len(body) - time.monotonic()
        if late > 0:
            time.sleep(late)
        return True

    with Readers(world.hub, "marie") as readers:
        answer = world.admin.send(body, pace)
        took = time.monotonic() - started
    assert answer[0] == 303, (answer[0], answer[2][:300])
    where = answer[1]["Location"]
    readers.told(f"while {len(body) >> 20} MiB come in {seconds} s and are looked at", took)
    text = re.sub(r"(?<=\d)\s(?=\d)", "", world.admin.get(where)[2])
    assert str(world.real_rows) in text, "how many services there are"
    assert world.hub.services() == 0, "looking at it imports nothing"
    world.drop(where)


def it_is_imported_and_nobody_waits_for_it(world):
    file, rows = real_file(len(world.real) // 8)
    where = world.admin.send(world.admin.form(file))[1]["Location"]
    fields = urllib.parse.urlencode({"csrf": world.admin.csrf(where)}).encode()
    started = time.monotonic()
    with Readers(world.hub, "marie") as readers:
        answer = world.admin.post(where, fields, "application/x-www-form-urlencoded")
        took = time.monotonic() - started
    assert answer[0] == 303 and "done=imported" in answer[1]["Location"], answer[:2]
    readers.told(f"while {rows} services are imported", took)
    assert world.hub.services() == rows, world.hub.services()
    assert world.hub.kept() == (0, 0), world.hub.kept()


def broken_off_in_the_middle_leaves_nothing(world):
    body = world.admin.form(world.small, PAGE_UPLOAD_MAX)
    # More than HTTP_BODIES_MAX in all: what is promised must be given back.
    for _ in range(8):
        assert world.admin.send(body, lambda at: at < len(body) // 2) is None
    assert world.hub.kept() == (0, 0), world.hub.kept()
    answer = world.admin.send(world.admin.form(world.small))
    assert answer[0] == 303, answer[0]
    world.drop(answer[1]["Location"])


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def import_request(file, size):
    """ImportRequest: format = 1, file = 2; the file is filled with blanks."""
    head = b"\x0a\x0edata-inclusion\x12"
    room = size - len(head)
    length = room - len(varint(room))
    body = head + varint(length) + file + b" " * (length - len(file))
    assert len(body) == size, (len(body), size)
    return body


def the_api_takes_its_limit_and_not_a_byte_more(world):
    status, answer = call(world.hub, "Directory/StageImport",
                          import_request(world.small, API_IMPORT_MAX))
    assert status == 200, (status, answer[:200])
    assert world.hub.kept()[0] == 1, world.hub.kept()
    world.hub.ctl("call", "Directory/DropStaged", json.dumps({"id": staged(world.hub)}))
    status, answer = call(world.hub, "Directory/StageImport", b" " * (API_IMPORT_MAX + 1))
    assert status == 413 and b"too large" in answer, (status, answer[:200])
    assert world.hub.kept() == (0, 0), world.hub.kept()


def staged(hub):
    return hub.ask("SELECT id FROM import_staged WHERE done = 0")[0][0]


def memory_stays_bounded(world):
    most, now = world.hub.memory_kb("VmHWM"), world.hub.memory_kb("VmRSS")
    print(f"# at most {most >> 10} MiB, now {now >> 10} MiB; {world.before >> 10} MiB before",
          flush=True)
    assert CHECKED or most < 700 << 10, most


TESTS = [
    the_file_follows_the_schema,
    exactly_the_limit_is_taken,
    one_byte_more_is_refused_in_the_language_of_the_person,
    who_may_not_send_files_is_told_so_in_a_page,
    broken_off_in_the_middle_leaves_nothing,
    a_real_file_comes_slowly_and_nobody_waits_for_it,
    it_is_imported_and_nobody_waits_for_it,
    the_api_takes_its_limit_and_not_a_byte_more,
    memory_stays_bounded,
]


class World:
    def __init__(self, root):
        self.hub = Hub(root)
        self.hub.add_user("chef", "admin")
        self.hub.add_user("boss", "admin")
        self.hub.add_user("marie", "caseworker")
        self.admin, self.english = Uploader(self.hub, "chef"), Uploader(self.hub, "boss", "en")
        self.small, self.small_rows = real_file(100000)
        # A sanitizer's build takes many times as long.
        self.real, self.real_rows = real_file(REAL // 8 if CHECKED else REAL)
        self.before = self.hub.memory_kb("VmRSS")

    def drop(self, where):
        fields = urllib.parse.urlencode({"csrf": self.admin.csrf(where)}).encode()
        answer = self.admin.post(where + "/drop", fields, "application/x-www-form-urlencoded")
        assert answer[0] == 303, answer[0]
        assert self.hub.kept() == (0, 0), self.hub.kept()


if __name__ == "__main__":
    sys.exit(run_world(World, TESTS))
