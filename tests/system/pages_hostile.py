#!/usr/bin/env python3
"""Every form of the pages, found by walking the site as each role, under hostile input.

Usage: pages_hostile.py PORT_OF_SENDER PORT_OF_RECEIVER PASSPHRASE
Both hubs run already (test_pages.sh). Prints what it looked at; exits 1 with a list of what broke.
"""

import http.client
import json
import re
import socket
import ssl
import sys
import threading
import urllib.parse
from html.parser import HTMLParser

SENDER, RECEIVER, PASSPHRASE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE
FORM = "application/x-www-form-urlencoded"
ROLES = [(SENDER, "marie"), (SENDER, "lea"), (SENDER, "sol"), (RECEIVER, "worker"),
         (RECEIVER, "admin"), (SENDER, "alix")]
# Turned around: if it came back as it was sent, "gpj" would read "jpg".
TURNED = "facture‮gpj.exe⁦ ⁧"
PAYLOADS = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "{{t.account.heading}}{{{csrf}}}{{#role}}x{{/role}}",
    TURNED,
    "'; DROP TABLE account; --\x0b",
    "\u0645\u0631\u062d\u0628\u0627 12:30 (محمد) ",
]
RAW = ["<script>alert(", "onerror=alert(1)>", "<img src=x", "‮", "⁦", "⁧"]
PER_SHAPE = 2  # pages of one shape that are read: two referrals, not two hundred
failures = []
looked_at = {"pages": 0, "forms": 0, "posts": 0}


def fail(what):
    failures.append(what)
    print("not ok", what)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.raw = status, headers, body
        self.text = body.decode("utf-8", "replace")
        self.cookies = headers.get_all("Set-Cookie") or []
        self.location = headers.get("Location", "")


class Browser:
    """Keeps cookies, follows nothing by itself."""

    def __init__(self, port, name="", lang="fr"):
        self.port, self.name, self.lang, self.cookies = port, name, lang, {}
        self.link = None
        if name:
            self.sign_in()

    def ask(self, method, path, body=None, headers=None, keep=True):
        head = {"Host": f"127.0.0.1:{self.port}", "Accept-Language": self.lang,
                "Sec-Fetch-Site": "same-origin"}
        if body is not None:
            head["Content-Type"] = FORM
            head["Origin"] = f"https://127.0.0.1:{self.port}"
        if self.cookies:
            head["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        for key, value in (headers or {}).items():
            if value is None:
                head.pop(key, None)
            else:
                head[key] = value
        for again in (True, False):
            try:
                if not self.link:
                    self.link = http.client.HTTPSConnection("127.0.0.1", self.port, context=TLS,
                                                            timeout=20)
                self.link.request(method, path, body=body, headers=head)
                got = self.link.getresponse()
                answer = Answer(got.status, got.headers, got.read())
                break
            except (http.client.HTTPException, OSError):
                self.link.close()
                self.link = None
                if not again:
                    return None
        if got.will_close:
            self.link.close()
            self.link = None
        for cookie in answer.cookies if keep else []:
            key, value = cookie.split(";")[0].split("=", 1)
            self.cookies[key] = value
            if not value:
                del self.cookies[key]
        return answer

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, fields, **more):
        body = fields if isinstance(fields, (bytes, str)) else urllib.parse.urlencode(fields)
        looked_at["posts"] += 1
        return self.ask("POST", path, body=body, **more)

    def csrf(self, path="/sign-in"):
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(path).text)
        return found.group(1) if found else ""

    def sign_in(self):
        self.cookies = {k: v for k, v in self.cookies.items() if "device" in k}
        answer = self.post("/sign-in", {"csrf": self.csrf(), "name": self.name,
                                        "passphrase": PASSPHRASE, "next": ""})
        assert answer.status == 303 and answer.location == "/", (self.name, answer.status)

    def is_in(self):
        return self.get("/account").status == 200


class Page(HTMLParser):
    """Links, and forms with their fields as a browser would send them."""

    def __init__(self, text):
        super().__init__()
        self.links, self.forms, self.form, self.area, self.choice = [], [], None, None, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = {k: v or "" for k, v in attrs}
        if tag == "a" and attrs.get("href", "").startswith("/"):
            self.links.append(attrs["href"].split("#")[0])
        elif tag == "form":
            self.form = {"method": attrs.get("method", "get").lower(), "action": attrs.get("action", ""),
                         "type": attrs.get("enctype", FORM), "fields": []}
            self.forms.append(self.form)
        elif self.form is not None and attrs.get("name") and tag in ("input", "button"):
            kind = attrs.get("type", "text" if tag == "input" else "submit")
            if kind not in ("checkbox", "radio") or "checked" in attrs or kind == "radio":
                self.form["fields"].append([attrs["name"], kind, attrs.get("value", "on" if kind == "checkbox" else "")])
        elif self.form is not None and attrs.get("name") and tag == "textarea":
            self.area = [attrs["name"], "textarea", ""]
            self.form["fields"].append(self.area)
        elif self.form is not None and attrs.get("name") and tag == "select":
            self.choice = [attrs["name"], "select", ""]
            self.form["fields"].append(self.choice)
        elif tag == "option" and self.choice and (not self.choice[2] or "selected" in attrs):
            self.choice[2] = attrs.get("value", "")

    def handle_data(self, data):
        if self.area:
            self.area[2] += data

    def handle_endtag(self, tag):
        if tag == "form":
            self.form = None
        elif tag == "textarea":
            self.area = None
        elif tag == "select":
            self.choice = None


def shape(path):
    """The path with what differs from row to row left out."""
    path, _, query = path.partition("?")
    path = re.sub(r"/(?=[^/]*\d)[0-9A-Za-z%._~-]{6,}|/[^/]*%20[^/]*|/\d+", "/:id", path)
    names = sorted({part.split("=")[0] for part in query.split("&") if part} - {"lang"})
    return path + ("?" + "&".join(names) if names else "")


def check_page(who, path, answer):
    if answer is None:
        return fail(f"{who} {path}: no answer")
    if answer.status >= 500:
        fail(f"{who} {path}: {answer.status}")
    is_html = answer.headers.get("Content-Type", "").startswith("text/html")
    if is_html and not re.search(r"<h1[ >]", answer.text):
        fail(f"{who} {path}: a page without heading, {answer.status}")
    if is_html:
        policy = answer.headers.get("Content-Security-Policy", "")
        for want in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
            if want not in policy:
                fail(f"{who} {path}: policy lacks {want}")
        if "unsafe" in policy:
            fail(f"{who} {path}: unsafe policy")
        for key, want in (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"),
                          ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
                          ("Cross-Origin-Resource-Policy", "same-origin")):
            if answer.headers.get(key) != want:
                fail(f"{who} {path}: {key} is {answer.headers.get(key)}")
        if "max-age=" not in (answer.headers.get("Strict-Transport-Security") or ""):
            fail(f"{who} {path}: no Strict-Transport-Security")
        if re.search(r"<[^>]+\son\w+=|<script(?![^>]*src=)|<style|\sstyle=", answer.text):
            fail(f"{who} {path}: inline script or style")
    for cookie in answer.cookies:
        lowered = cookie.lower()
        if "httponly" not in lowered or "secure" not in lowered or "samesite" not in lowered:
            fail(f"{who} {path}: cookie {cookie.split('=')[0]}")
        if "lang" not in cookie.split("=")[0] and not cookie.startswith("__Host-"):
            fail(f"{who} {path}: cookie {cookie.split('=')[0]} without __Host-")


def walk(browser):
    """All pages that links lead to, a few of each shape; the forms on them."""
    waiting, seen, forms = ["/", "/account", "/account/passphrase", "/account/second-factor"], {}, {}
    while waiting:
        path = waiting.pop(0)
        key = shape(path)
        if "lang=" in path or seen.get(key, []).count(path) or len(seen.setdefault(key, [])) >= PER_SHAPE:
            continue
        seen[key].append(path)
        answer = browser.get(path)
        check_page(browser.name, path, answer)
        looked_at["pages"] += 1
        if answer and answer.location.startswith("/"):
            waiting.append(answer.location)
        if not answer or not answer.headers.get("Content-Type", "").startswith("text/html"):
            continue
        page = Page(answer.text)
        waiting += page.links
        for form in page.forms:
            action = form["action"] or path
            names = tuple(sorted({f[0] for f in form["fields"]}))
            forms.setdefault((form["method"], shape(action), names),
                             dict(form, action=action, page=path))
    looked_at["forms"] += len(forms)
    return list(forms.values())


def fields_of(form, payload=None, csrf=None):
    """As a browser sends it; `payload` in everything that is typed."""
    typed = ("text", "search", "textarea", "tel", "email", "url", "number", "date", "time",
             "datetime-local", "password")
    fields, radios = [], set()
    for name, kind, value in form["fields"]:
        if kind == "radio":
            if name in radios:
                continue
            radios.add(name)
        if kind in typed and payload is not None:
            value = payload
        elif kind in typed and not value:
            value = "1"
        if kind == "file":
            continue
        if kind == "hidden" and name == "name" and form["action"].startswith("/admin/users/"):
            value = "spare"  # the button works: nobody else is to lose access
        fields.append((name, csrf if name == "csrf" and csrf is not None else value))
    return fields


def send(browser, form, fields, **more):
    if form["method"] == "get":
        path = form["action"].split("?")[0] + "?" + urllib.parse.urlencode(fields)[:1900]
        return browser.get(path, **more)
    if form["type"].startswith("multipart"):
        boundary = "b0undary"
        body = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'
                       for k, v in fields) + f"--{boundary}--\r\n"
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", **more.pop("headers", {})}
        return browser.post(form["action"], body.encode("utf-8", "replace"), headers=headers, **more)
    return browser.post(form["action"], fields, **more)


def check_answer(who, what, form, answer, allowed=None):
    where = f"{who} {form['method']} {form['action']}: {what}"
    if answer is None:
        return fail(f"{where}: no answer")
    if answer.status >= 500:
        return fail(f"{where}: {answer.status}")
    if allowed and answer.status not in allowed:
        fail(f"{where}: {answer.status}, not one of {allowed}")
    for raw in RAW:
        if raw in answer.text:
            fail(f"{where}: {raw!r} came back as it was sent")
    by_server = answer.status == 403 and "Content-Security-Policy" not in answer.headers  # lws, before us
    if answer.status >= 400 and not by_server and answer.headers.get("Content-Type", "").startswith("text/html"):
        said = re.sub(r"<[^>]+>", " ", answer.text.split("<main", 1)[-1])
        if len(said.split()) < 5:
            fail(f"{where}: {answer.status} without an explanation")
        if re.search(r"\b(ERR_|sqlite|assert)", said):
            fail(f"{where}: words of the machine room")
    if answer.location and not re.fullmatch(r"/(?!/)[!-~]*", answer.location):
        fail(f"{where}: leads to {answer.location!r}")


def ready(browser):
    if not browser.is_in():
        browser.sign_in()


def misuse(browser, form, other_csrf):
    who, is_post = browser.name, form["method"] == "post"
    signs_out = form["action"].startswith("/sign-out")
    if is_post:
        ready(browser)
        csrf = browser.csrf(form["page"]) or browser.csrf("/account")
        # What does nothing comes first: the form is whole afterwards.
        for what, token in (("no token", None), ("made-up token", "0" * 64), ("somebody else's token", other_csrf),
                            ("a token cut short", csrf[:40]), ("two tokens", "twice")):
            fields = [f for f in fields_of(form) if f[0] != "csrf"]
            fields += [("csrf", csrf), ("csrf", other_csrf)] if token == "twice" else [("csrf", token)] if token else []
            gone = {403, 404} # what it was about may be gone
            check_answer(who, what, form, send(browser, form, fields), gone)
            check_answer(who, f"{what}, old browser", form,
                         send(browser, form, fields, headers={"Sec-Fetch-Site": None}), gone)
        good = fields_of(form, csrf=csrf)
        for what, headers in (("from another site", {"Sec-Fetch-Site": "cross-site"}),
                              ("from a neighbour", {"Sec-Fetch-Site": "same-site"}),
                              ("from another origin", {"Sec-Fetch-Site": None, "Origin": "https://evil.example"}),
                              ("from another scheme", {"Sec-Fetch-Site": None, "Origin": "evil"})):
            check_answer(who, what, form, send(browser, form, good, headers=headers), {403})
        body = urllib.parse.urlencode(good)
        for what, kind in (("as JSON", "application/json"), ("as text", "text/plain"), ("without a type", None),
                           ("multipart without a boundary", "multipart/form-data"),
                           ("multipart with a strange boundary", 'multipart/form-data; boundary="\t;"'),
                           ("a long type", "x/" + "y" * 300)):
            check_answer(who, what, form, browser.post(form["action"], body, headers={"Content-Type": kind}),
                         {400, 403, 413, 415})
        for what, text in (("broken UTF-8", f"csrf={csrf}&name=%ff%fe&need=%c3%28"), ("a NUL", f"csrf={csrf}&name=a%00b"),
                           ("raw bytes", b"csrf=" + csrf.encode() + b"&name=\xff\xfe\x80"),
                           ("half an escape", f"csrf={csrf}&name=%&x=%4&y=%zz&=&&&"),
                           ("10,000 fields", f"csrf={csrf}&" + "&".join(f"f{i}=1" for i in range(10000))),
                           ("a field 5,000 times", f"csrf={csrf}&" + "name=1&" * 5000)):
            if what == "half an escape" and (signs_out or not form["action"].startswith("/sign-in")):
                continue  # it may do what the button does
            check_answer(who, what, form, browser.post(form["action"], text), {400, 401, 403, 413})
        check_answer(who, "a megabyte", form, browser.post(form["action"], [("csrf", csrf), ("name", "é" * 700000)]),
                     {400, 413, 200, 403})
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
            answer = browser.ask(method, form["action"], body="x=1" if method in ("PUT", "PATCH") else None)
            if answer and answer.status not in (400, 403, 405, 404, 501, 411):
                fail(f"{who} {method} {form['action']}: {answer.status}")
        check_answer(who, "read instead of sent", form, browser.get(form["action"]), {200, 303, 400, 401, 403, 404, 429})
        ready(browser)
    typed = [f for f in form["fields"] if f[1] in ("text", "textarea", "search", "password", "number", "date", "tel", "email", "url")]
    for payload in (PAYLOADS if typed else PAYLOADS[:1]):
        if is_post:
            ready(browser)
            csrf = browser.csrf(form["page"]) or browser.csrf("/account")
        answer = send(browser, form, fields_of(form, payload, csrf if is_post else None))
        check_answer(who, f"{payload[:24]!r} typed", form, answer)
        if answer and answer.location:
            browser_after = browser.get(answer.location)
            check_answer(who, f"after {payload[:24]!r}", form, browser_after)
        if not typed:
            break
    if is_post:
        ready(browser)
        csrf = browser.csrf(form["page"]) or browser.csrf("/account")
        # Every field, hidden ones too: what was never a choice.
        for payload in (PAYLOADS[1], "../../etc/passwd", "-1", "9" * 40, "\U0001f9fa" * 300):
            fields = [(n, csrf if n == "csrf" else payload) for n, k, v in form["fields"] if k != "file"]
            check_answer(who, f"{payload[:20]!r} in hidden fields", form, send(browser, form, fields))
            ready(browser)


def check_places(browser):
    """Paths, queries and methods that no link has."""
    paths = ["/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/static/..%2f..%2fhub.ini", "/%00", "/%", "/%zz", "//evil.example",
             "/\\evil", "/account/", "/account//", "/./account", "/account%2fpassphrase", "/referrals/%2e%2e", "/referrals/%3Cscript%3E",
             "/referrals/" + "a" * 250, "/" + "a" * 300, "/?lang=%0d%0aSet-Cookie:%20x=1", "/?lang=<b>", "/?done=<script>alert(1)</script>",
             "/sign-in?next=//evil.example", "/sign-in?next=https://evil.example", "/sign-in?next=%0d%0aSet-Cookie:%20x=1",
             "/sign-in?next=/%0d%0aX:1", "/sign-in?name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/directory?q=" + "%C3%A9" * 400,
             "/directory?q=%ff", "/?" + "&".join(f"a{i}=1" for i in range(100)), "/?a", "/?=&=", "/s/<script>", "/s/%2e%2e", "/held/x",
             "/account?id[]=1", "/admin/users/reset?name=marie", "/%F0%28%8C%28", "/ /", "/account;jsessionid=1"]
    for path in paths:
        for lang in ("fr", "en"):
            browser.lang = lang
            with_raw = path.encode("latin-1", "ignore").decode("latin-1").replace(" ", "%20")
            answer = browser.get(with_raw)
            if answer is None:
                continue  # closed without a word is an answer to what is no HTTP
            form = {"method": "get", "action": path[:60]}
            check_answer(browser.name or "visitor", "a strange path", form, answer)
            if any("x=1" in cookie for cookie in answer.cookies) or "X" in answer.headers:
                fail(f"{path}: a header of the visitor's own")
            if "root:" in answer.text or "listen =" in answer.text:
                fail(f"{path}: a file of the machine")
    browser.lang = "fr"
    # Bytes that are not what they seem.
    for raw in (b"GET / HTTP/1.1\r\nHost: h\r\nCookie: " + b"a" * 3000 + b"\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n",
                b"POST /sign-in HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab", b"\x16\x03\x01\x02\x00", b"GET  HTTP/9.9\r\n\r\n"):
        with TLS.wrap_socket(socket.create_connection(("127.0.0.1", browser.port), timeout=5)) as sock:
            sock.sendall(raw)
            sock.settimeout(1)
            try:
                said = sock.recv(4096)
            except (TimeoutError, OSError):
                said = b""
            if re.match(rb"HTTP/1.1 5(?!01|03)", said):
                fail(f"{raw[:30]!r}: {said[:40]!r}")


def check_redirects(port):
    """Signing in leads nowhere else."""
    for target in ("//evil.example", "/\\evil.example", "https://evil.example", "/\r\nSet-Cookie: x=1", "javascript:alert(1)",
                   "/%0d%0ax", "\t//evil.example", "/" + "a" * 600):
        browser = Browser(port)
        answer = browser.post("/sign-in", {"csrf": browser.csrf(), "name": "spare", "passphrase": PASSPHRASE, "next": target})
        if not re.fullmatch(r"/(?!/)[!-~]*", answer.location or "?") or "\\" in answer.location:
            fail(f"next={target!r} leads to {answer.location!r}")


def check_names_are_not_told(port):
    """A name that exists is answered like one that does not."""
    answers = []
    for name in ("spare", "nobody-is-called-so"):
        browser = Browser(port)
        answer = browser.post("/sign-in", {"csrf": browser.csrf(), "name": name, "passphrase": "pas la bonne phrase"})
        answers.append((answer.status, re.sub(r'value="[^"]*"', "", answer.text)))
    if answers[0] != answers[1]:
        fail("sign-in tells whether a name exists")


def check_stale_form(port):
    """The session ends under a form: what was typed is there after signing in again."""
    browser = Browser(port, "marie")
    page = next((f for f in walk_forms(browser, "/account/passphrase") if f["action"] == "/account/passphrase"), None)
    referral = find_form(browser, lambda f: f["method"] == "post" and f["action"].startswith("/referrals/") and any(k == "textarea" for _, k, _ in f["fields"]))
    if not page or not referral:
        return fail("no form to leave open")
    words = "ce que j’ai tapé <b>avec soin</b>"
    fields = [(n, words if k == "textarea" else v) for n, k, v in referral["fields"]]
    other = Browser(port, "marie")
    other.post("/account/sessions/end-others", {"csrf": other.csrf("/account")})
    answer = browser.post(referral["action"], fields)
    form = next((f for f in Page(answer.text).forms if f["action"] == "/sign-in"), None)
    if not form or not any(n == "kept" for n, _, _ in form["fields"]):
        return fail(f"a stale form is answered {answer.status} and not kept")
    again = [(n, {"name": "marie", "passphrase": PASSPHRASE}.get(n, v)) for n, _, v in form["fields"]]
    wrong = browser.post("/sign-in", [(n, "non" if n == "passphrase" else v) for n, v in again])
    if "kept" not in wrong.text:
        fail("a wrong passphrase loses what was kept")
    answer = browser.post("/sign-in", again)
    if answer.status != 200 or "avec soin" not in answer.text or "<b>avec" in answer.text:
        fail(f"after signing in again what was typed into {referral['action']} on {referral['page']} is gone: {answer.status}")
    secret = other.post("/account/sessions/end-others", {"csrf": other.csrf("/account")})
    del secret
    answer = browser.post("/account/passphrase", [(n, "un grand secret à moi" if k == "password" else v) for n, k, v in page["fields"]])
    if "grand secret" in answer.text:
        fail("a passphrase is shown in a page")


def walk_forms(browser, path):
    forms = Page(browser.get(path).text).forms
    return [dict(form, page=path, action=form["action"] or path) for form in forms]


def find_form(browser, right):
    seen, waiting = set(), ["/referrals", "/"]
    while waiting and len(seen) < 60:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        page = Page(browser.get(path).text)
        for form in page.forms:
            if right(form):
                return dict(form, page=path)
        waiting += [link for link in page.links if link.startswith("/referrals") and "lang=" not in link]
    return None


def check_double(port):
    """Pressed twice at once: one notice."""
    browser = Browser(port, "lea")
    values = {"what": "couvertures pressées deux fois", "quantity": "3", "unit": "couvertures", "place": "Redon",
              "kind": "shortage", "contact_role": "accueil", "days": "7"}

    def filled(form):
        return [(n, v or values.get(n, "")) for n, v in fields_of(dict(form, fields=[f for f in form["fields"] if f[1] not in (
            "text", "number", "textarea")]))] + [(n, values.get(n, v)) for n, k, v in form["fields"] if k in ("text", "number", "textarea")]

    def with_key(text):
        return next((f for f in Page(text).forms if any(n == "request_key" for n, _, _ in f["fields"])), None)

    page = browser.get("/notices/new").text
    form = with_key(page)
    if not form:  # one page that asks, one that shows whom it reaches
        first = next(f for f in Page(page).forms if f["action"].startswith("/notices/"))
        form = with_key(browser.post(first["action"], filled(first)).text)
    if not form:
        return fail("no form for a notice")
    fields = filled(form)
    if not dict(fields).get("request_key"):
        return fail("the form of a notice has no request_key")
    answers, twin = [], Browser(port)
    twin.cookies = dict(browser.cookies)
    threads = [threading.Thread(target=lambda b=b: answers.append(b.post(form["action"], fields))) for b in (browser, twin)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.append(browser.post(form["action"], fields))
    if len({a.location for a in answers}) != 1 or answers[0].status != 303:
        fail(f"one press, several notices: {[(a.status, a.location) for a in answers]}")


def main():
    for port in (SENDER, RECEIVER):
        check_places(Browser(port))
    check_places(Browser(SENDER, "alix"))
    print("places done", flush=True)
    check_redirects(SENDER)
    check_names_are_not_told(SENDER)
    check_double(SENDER)
    check_stale_form(SENDER)
    found = []
    for port, name in ROLES:
        browser = Browser(port, name)
        found.append((browser, walk(browser)))
    visitor = Browser(SENDER)
    for form in walk_forms(visitor, "/sign-in"):
        check_answer("visitor", "a megabyte", form, visitor.post("/sign-in", {"csrf": visitor.csrf(), "name": "a" * 1000000}), {413, 400})
    for browser, forms in found:
        other = next(b for b, _ in found if b is not browser and b.port == browser.port)
        forms.sort(key=lambda f: f["action"].startswith(("/sign-out", "/admin/users", "/account/pass")))
        for form in forms:
            ready(other)
            misuse(browser, form, other.csrf("/account"))
        if browser.get("/sign-in").status != 200:
            fail(f"after {browser.name} the hub no longer answers")
    print(json.dumps(looked_at), f"{len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
