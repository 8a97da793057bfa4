"""What test_limits.sh asks of two hubs: every limit of people's input, at it and one past it.

Usage: limits.py STATE_OF_SENDER STATE_OF_RECEIVER SERVICE TEMPLATES
"""

import base64
import http.client
import json
import os
import random
import re
import socket
import string
import sys
import time

SENDER, RECEIVER, SERVICE, TEMPLATES = sys.argv[1:5]
PASSPHRASE = "quatre mots bien choisis"
failures = []
looked = 0


def call(state, method, request, user=""):
    """@return status, answer"""
    body = json.dumps(request).encode()
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(os.path.join(state, "hubd.sock"))
    link = http.client.HTTPConnection("hub")
    link.sock = sock
    headers = {"Content-Type": "application/json"} | ({"Maillon-User": user} if user else {})
    link.request("POST", f"/maillon.api.v1.{method}", body, headers)
    answer = link.getresponse()
    said = json.loads(answer.read())
    link.close()
    return answer.status, said


def check(what, got, status=200, word=""):
    """A refusal names a limit; 429 or 400, never an accident."""
    global looked
    looked += 1
    if got[0] != status or (word and word not in got[1].get("message", "")):
        failures.append(what)
        print("not ok", what, got[0], str(got[1])[:200])


def letters(count, letter="a"):
    return letter * count


def not_guessed(count):
    return "".join(random.Random(1).choices(string.ascii_letters, k=count))


def number(text):
    """As long, of signs that a phone number may have."""
    return "115" + text[3:].replace("a", "1").replace("é", "\u00a0")


def unique():
    return str(time.monotonic_ns())


def person(**more):
    return {"name": "cas", "contactPreference": "caseworker", **more}


def referral(**more):
    return {"service": SERVICE, "theme": "numerique", "need": "une phrase", "person": person(),
            "consent": {"form": "spoken", "field": ["name", "need", "contact", "safe-times",
                                                    "language", "guardian"]},
            "requestKey": unique(), **more}


def send(**more):
    return call(SENDER, "Referrals/Send", referral(**more), "worker")


def notice(until="7d", **more):
    return call(SENDER, "Notices/Post", {"until": until, "requestKey": unique(), "content": {
        "kind": "shortage", "what": "chaises", "quantity": {"amount": 3, "unit": "chaises"},
        **more}}, "worker")


def service(**more):
    return call(SENDER, "Directory/PutService", {"uid": "limits", "content": {
        "name": "Atelier", "description": "Un atelier", "theme": ["numerique"], **more}}, "worker")


def add_user(name, passphrase=PASSPHRASE):
    return call(SENDER, "Accounts/AddUser",
                {"name": name, "role": "caseworker", "passphrase": passphrase})


def token(label="programme", days=30):
    return call(SENDER, "Accounts/CreateToken", {"name": "worker", "label": label, "days": days})


def circle(**more):
    return call(SENDER, "Circles/Create", {"name": f"cercle {unique()}", "principle": ["un"], **more})


def closed(words):
    return call(SENDER, "Directory/CloseService", {"uid": "limits", "closure": {"words": words}},
                "worker")


# What is asked with N of something, the limit in letters of one byte, and of two where characters
# count; a word of the refusal.
LENGTHS = [
    ("name of an account", lambda t: add_user(t), 63, None, "name"),
    ("passphrase", lambda t: add_user(f"u{unique()[-9:]}", not_guessed(len(t))), 1024, None,
     "passphrase is longer"),
    ("label of a token", lambda t: token(label=t), 100, None, "label"),
    ("need", lambda t: send(need=t), 1000, None, "too long"),
    ("name of the person", lambda t: send(person=person(name=t)), 160, None, "too long"),
    ("contact", lambda t: send(person=person(contact=t)), 160, None, "too long"),
    ("safe times", lambda t: send(person=person(safeTimes=t)), 160, None, "too long"),
    ("referrer", lambda t: send(referrerName=t), 160, None, "too long"),
    ("phone of the referrer", lambda t: send(referrerPhone=t), 64, None, "too long"),
    ("what of a notice", lambda t: notice(what=t), 120, 120, ""),
    ("detail of a notice", lambda t: notice(detail=t), 1500, 1500, ""),
    ("place of a notice", lambda t: notice(place=t), 200, 200, ""),
    ("contact role of a notice", lambda t: notice(contactRole=t), 200, 200, ""),
    ("name of a service", lambda t: service(name=t), 150, 150, "150"),
    ("description of a service", lambda t: service(description=t), 10000, None, "10000"),
    ("conditions of a service", lambda t: service(conditions=t), 2000, 2000, "2000"),
    ("price of a service", lambda t: service(priceDetail=t), 1000, 1000, "1000"),
    ("hours of a service", lambda t: service(openingHours=t), 1000, 1000, "1000"),
    ("address of a service", lambda t: service(address=t), 300, 300, "300"),
    ("phone of a service", lambda t: service(phone=number(t)), 60, 60, "60"),
    ("words of a closed service", closed, 300, 300, "300"),
    ("name of a circle", lambda t: circle(name=t), 80, 80, ""),
    ("principle of a circle", lambda t: circle(principle=[t]), 200, 200, ""),
]
NUMBERS = [
    ("days of a token", lambda n: token(days=n), 3650),
    ("amount of a notice", lambda n: notice(quantity={"amount": n, "unit": "kg"}), 1000000000),
    ("days of a notice", lambda n: notice(until=f"{n}d"), 180),
    ("principles of a circle", lambda n: circle(principle=["un"] * n), 5),
    ("themes of a service", lambda n: service(theme=["numerique"] * n), 64),
]
# At most so many rows in one answer, whatever is asked.
PAGES = [
    ("search", lambda n: call(SENDER, "Directory/Search", {"words": "atelier", "limit": n}), 100),
    ("referrals", lambda n: call(SENDER, "Referrals/List", {"limit": n}, "worker"), 500),
    ("notices", lambda n: call(SENDER, "Notices/List", {"limit": n}, "worker"), 500),
    ("review", lambda n: call(SENDER, "Directory/ListReview", {"limit": n}), 1000),
    ("months", lambda n: call(SENDER, "Figures/Get", {"months": n}), 24),
]


def check_lengths():
    for what, ask, limit, characters, word in LENGTHS:
        check(f"{what}: {limit}", ask(letters(limit)))
        check(f"{what}: {limit + 1}", ask(letters(limit + 1)), 400, word)
        if characters:
            check(f"{what}: {characters} of two bytes", ask(letters(characters, "é")))
            check(f"{what}: {characters + 1} of two bytes", ask(letters(characters + 1, "é")), 400)


def check_numbers():
    for what, ask, limit in NUMBERS:
        check(f"{what}: {limit}", ask(limit))
        check(f"{what}: {limit + 1}", ask(limit + 1), 400)


def check_pages():
    for what, ask, limit in PAGES:
        for asked in (limit, limit + 1, 4294967295):
            got = ask(asked)
            # Some say that it is too much, others give what they give.
            check(f"{what}: {asked} rows", got, 200 if asked <= limit else got[0] if got[0] == 400 else 200)
            rows = max([len(v) for v in got[1].values() if isinstance(v, list)], default=0)
            check(f"{what}: {rows} of {limit} rows", (200 if rows <= limit else 500, {}))


def check_counts():
    """So many of one account, or of the hub, and not one more."""
    for number in range(100 - tokens_made()):
        check(f"token {number}", token())
    check("a token too many", token(), 429, "100")
    add_user("many")
    for number in range(33):
        check(f"session {number}", call(SENDER, "Accounts/SignIn", {"name": "many", "passphrase": PASSPHRASE}))
    listed = call(SENDER, "Accounts/ListSessions", {}, "many")
    check("32 sessions are left", (200 if len(listed[1].get("session", [])) == 32 else 500, listed[1]))
    held = [hold("Referrals/Send", referral()) for _ in range(51)]
    for number, got in enumerate(held[:50]):
        check(f"held {number}", got)
    check("held, one too many", held[50], 429, "50")
    for got in held[:50]:
        check("taken back", call(SENDER, "Held/Undo", {"id": got[1]["held"]["id"]}, "worker"))
    check("held again", hold("Referrals/Send", referral()))
    check("a form of 64 KiB", hold("Referrals/Send", referral(), letters(65537)), 429)
    for name in "abcde":
        add_user(f"admin-{name}")
        call(SENDER, "Accounts/SetRole", {"name": f"admin-{name}", "role": "admin"})
        got = call(SENDER, "Directory/StageImport", staged(1), f"admin-{name}")
        check(f"a file of {name}", got, 429 if name == "e" else 200, "4" if name == "e" else "")
    made = len(call(SENDER, "Notices/List", {"oursOnly": True, "limit": 500}, "worker")[1]["notice"])
    for number in range(50 - made):
        check(f"notice {made + number + 1}", notice())
    check("a notice too many", notice(), 429, "50")


def tokens_made():
    listed = call(SENDER, "Accounts/ListSessions", {}, "worker")
    return sum(1 for row in listed[1].get("session", []) if row.get("token"))


def hold(method, request, form="x"):
    return call(SENDER, "Held/Hold", {"method": method, "request": json.dumps(request), "form": form,
                                      "back": "/referrals/new", "onward": "/referrals/{id}"}, "worker")


def staged(rows):
    file = [{"id": f"e{i}", "nom": f"Accueil {i}", "structure_id": "s", "thematiques": ["numerique"]}
            for i in range(rows)]
    return {"file": base64.b64encode(json.dumps(file).encode()).decode(), "fileName": "essai.json"}


# A field of a form lets through no more than the hub takes: bytes where bytes count, of letters of
# one byte; whoever writes with accents is told.
FIELDS = [
    ("referral_new", "name", 160), ("referral_new", "need", 1000),
    ("referral_verbs", "contact_name", 160), ("referral_verbs", "contact_phone", 64),
    ("referral_verbs", "next_step", 1000), ("referral_verbs", "place", 1000),
    ("referral_verbs", "text", 4000), ("referral_talk", "text", 4000),
    ("referral_refuse", "text", 4000), ("notice_fields", "place", 200),
    ("notice_fields", "detail", 1500), ("notice_fields", "contact_role", 200),
    ("notice_fields", "amount", 9), ("notice", "pick_up", 200), ("notice", "contact_role", 200),
    ("notice", "reason", 200), ("service_edit", "name", 150), ("service_edit", "description", 10000),
    ("service_edit", "conditions", 2000), ("service_edit", "opening_hours", 1000),
    ("service_edit", "address", 300), ("service_edit", "phone", 60), ("service_edit", "email", 254),
    ("service_edit", "access", 1000), ("service_edit", "price_detail", 1000),
    ("own_services", "words", 300), ("admin_users", "name", 63), ("admin_card", "name", 159),
    ("admin_card", "phone", 63), ("account_passphrase", "new", 1024), ("circle_join", "text", 200),
]


def check_fields():
    for template, field, limit in FIELDS:
        with open(os.path.join(TEMPLATES, template + ".mustache"), encoding="utf-8") as file:
            tags = re.findall(rf'<(?:input|textarea)[^>]* name="{field}"[^>]*>', file.read())
            tags = [tag for tag in tags if 'type="hidden"' not in tag]
        lengths = [re.search(r'maxlength="(\d+)"', tag) for tag in tags]
        if not tags:
            check(f"{template}: no field {field}", (500, {}))
        for length in lengths:
            asked = int(length.group(1)) if length else 10**9
            check(f"{template}: {field} lets {asked} through, the hub takes {limit}",
                  (200 if asked <= limit else 500, {}))


def check_answers():
    """An answer to a referral at its limits, from the other side."""
    got = send()
    check("a referral to answer", got)
    wanted, deadline = got[1].get("id", ""), time.monotonic() + 30
    while call(RECEIVER, "Referrals/Get", {"id": wanted}, "worker")[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.05)

    def act(**more):
        return call(RECEIVER, "Referrals/Act", {"id": wanted, **more}, "worker")

    check("message 4000", act(action="message", text=letters(4000)))
    check("message 4001", act(action="message", text=letters(4001)), 400, "too long")
    for field, limit in (("contactName", 160), ("contactPhone", 64), ("nextStep", 1000)):
        given = {"contactName": "Paul", "nextStep": "mardi"} | {field: letters(limit + 1)}
        check(f"{field} {limit + 1}", act(action="accept", **given), 400, "too long")
    check("accepted at every limit", act(action="accept", contactName=letters(160),
                                         contactPhone=letters(64), nextStep=letters(1000)))


check_fields()
check_answers()
check_lengths()
check_numbers()
check_pages()
check_counts()
print(f"{looked} looked at, {len(failures)} failures")
sys.exit(1 if failures else 0)
