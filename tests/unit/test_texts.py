#!/usr/bin/env python3
"""Every text of hub/web/lang/fr.po is used: test_texts.py ROOT

A key is used when a template has it as {{t.KEY}}, when a C file of hub/web has it as a literal, or
when it is composed: a literal "prefix.%s" of a C file, page_word(visit, "prefix", …), a code list of
COMPOSED below, or a field of the client API whose codes words.c puts into words ("urgency.urgent"
for `urgency`).
The reasons that a hub gives by itself (proto/README.md) have words, too: nobody reads a code.
What other languages have is compared with French by test_catalog.c.
"""
import glob
import os
import re
import sys

# Prefixes whose last part is a code that C hands on as a value; each with who does.
COMPOSED = {
    "field": "pages_import.c: what a column of a file is",
    "mode": "service_words.c: a list of codes",
    "notice_new.until": "pages_notice_form.c: how long a notice stands",
    "own_services.quality": "pages_services.c",
    "public": "service_words.c: a list of codes",
    "quality": "pages_services.c, service_words.c: what an entry lacks",
    "reach": "service_words.c: a list of codes",
    "speaks": "spoken_names.c: languages by their codes",
}

# Literals of this shape are names of values of a page, not of texts.
VALUES = ("form.", "query.")

LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def read(*patterns):
    paths = [path for pattern in patterns for path in sorted(glob.glob(pattern))]
    assert paths, patterns
    return "\n".join(open(path, encoding="utf-8").read() for path in paths)


def composed_by(literals):
    """Regular expressions of the keys that literals like "did.%s" make."""
    for literal in literals:
        if re.match(r"[a-zA-Z_]+\.", literal) and "%" in literal and not literal.startswith(VALUES):
            yield re.sub(r"%(?:\\?\.\\\*)?[a-z]+", "[A-Za-z0-9_-]+", re.escape(literal).replace("\\%", "%"))


def own_reasons(root):
    text = read(os.path.join(root, "proto", "README.md"))
    told = re.search(r"Reasons a hub gives by itself: (.+?)\.", text, re.S)
    return re.findall(r"`([a-z-]+)`", told[1])


def main(root):
    web = os.path.join(root, "hub", "web")
    code = read(os.path.join(web, "*.c"), os.path.join(web, "*.h"))
    templates = read(os.path.join(web, "templates", "*.mustache"))
    protos = read(os.path.join(root, "proto", "maillon", "*", "v1", "*.proto"))
    literals = set(LITERAL.findall(code))
    asked = set(re.findall(r"\bt\.([A-Za-z0-9_.-]+)", templates))
    lists = set(re.findall(r'page_word\(visit, "([a-zA-Z_.]+)"', code))
    patterns = [re.compile(pattern) for pattern in composed_by(literals)]
    fields = set(re.findall(r"^\s*(?:repeated )?[\w.]+ (\w+) = \d+;", protos, re.M))
    fields |= {re.sub(r"_(\w)", lambda m: m[1].upper(), field) for field in fields}
    unused = []
    keys = re.findall(r'^msgid "(.+)"', read(os.path.join(web, "lang", "fr.po")), re.M)
    missing = [f"reason.{code}" for code in own_reasons(root) if f"reason.{code}" not in keys]
    for key in keys:
        prefix = key.rsplit(".", 1)[0]
        if not (
            key in asked
            or key in literals
            or prefix in lists
            or prefix in COMPOSED
            or (prefix in fields and re.search(rf"\b{prefix}_(text|is)\b", templates + code))
            or any(pattern.fullmatch(key) for pattern in patterns)
        ):
            unused.append(key)
    for key in unused:
        print(f'lang/fr.po: nothing asks for "{key}"')
    for key in missing:
        print(f'lang/fr.po: no "{key}"')
    return 1 if unused or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
