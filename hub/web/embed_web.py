#!/usr/bin/env python3
"""Writes the C tables of hub/web/embedded.h: embed_web.py OUTPUT FILE.{po,mustache,css,js,svg}..."""
import ast
import gzip
import hashlib
import os
import re
import sys

LANGUAGES = ["fr", "en"]  # as enum language
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(text):
    """One C string a line, so that the build's output can be read."""
    lines = text.splitlines(keepends=True) or [""]
    out = []
    for line in lines:
        chars = []
        for byte in line.encode():
            char = chr(byte)
            if char in ESCAPES:
                chars.append(ESCAPES[char])
            elif 0x20 <= byte < 0x7F and char != "?":
                chars.append(char)
            else:
                chars.append(f"\\{byte:03o}")
        out.append('"' + "".join(chars) + '"')
    return "\n     ".join(out)


def bytes_literal(data):
    chars = "".join(f"\\{byte:03o}" for byte in data)
    return "\n     ".join(f'"{chars[i:i + 96]}"' for i in range(0, len(chars), 96))


def read_po(path):
    """{msgid: [texts]} of a gettext file."""
    entries, current, field = {}, {}, None

    def finish():
        key = current.get("msgid")
        if key:
            texts = [current[f] for f in ("msgstr", "msgstr[0]", "msgstr[1]") if f in current]
            if key in entries:
                sys.exit(f"{path}: \"{key}\" is there twice")
            if "" in texts or not texts:
                sys.exit(f"{path}: \"{key}\" has no text")
            entries[key] = texts
        current.clear()

    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            match = re.fullmatch(r'(msgid|msgid_plural|msgstr(?:\[[01]\])?)\s+(".*")', line)
            if match:
                if match[1] == "msgid":
                    finish()
                field = match[1]
                current[field] = ast.literal_eval(match[2])
            elif line.startswith('"') and field:
                current[field] += ast.literal_eval(line)
            else:
                sys.exit(f"{path}:{number}: not a line of a gettext file")
        finish()
    return entries


def catalogs(paths, out):
    for code in LANGUAGES:
        entries = read_po(paths[code])
        out.append(f"static const struct catalog_entry entries_{code}[] = {{")
        for key in sorted(entries, key=str.encode):
            texts = entries[key]
            many = number = "NULL"
            if len(texts) == 2:
                named = re.search(r"\{([^{} ]+)\}", texts[1])
                if not named:
                    sys.exit(f"{paths[code]}: the plural of \"{key}\" names no number")
                many, number = literal(texts[1]), literal(named[1])
            out.append(f"    {{{literal(key)}, {literal(texts[0])}, {many}, {number}}},")
        out.append("};")
    out.append("const struct catalog embedded_catalogs[LANGUAGE_COUNT] = {")
    for number, code in enumerate(LANGUAGES):
        out.append(
            f'    {{"{code}", (enum language){number}, entries_{code},'
            f" sizeof(entries_{code}) / sizeof(entries_{code}[0])}},"
        )
    out.append("};")


def templates(paths, out):
    out.append("const struct embedded_template embedded_templates[] = {")
    for name in sorted(paths, key=str.encode):
        with open(paths[name], encoding="utf-8") as source:
            text = source.read()
        out.append(f"    {{{literal(name)},\n     {literal(text)},\n     {len(text.encode())}}},")
    out += ["    {NULL, NULL, 0},", "};"]


def slim(text):
    """A style sheet without its comments and indents: it is on every first page."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return "".join(line.strip() + "\n" for line in text.splitlines() if line.strip())


def assets(paths, out):
    out.append("const struct embedded_asset embedded_assets[] = {")
    for path in sorted(paths):
        base, ext = os.path.splitext(os.path.basename(path))
        with open(path, encoding="utf-8") as source:
            text = source.read()
        if ext == ".css":
            text = slim(text)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        packed = gzip.compress(text.encode(), 9, mtime=0)
        out.append(
            f'    {{"{base}_{ext[1:]}", "/static/{base}.{digest}{ext}", "{TYPES[ext]}",'
            f' "\\"{digest}\\"",\n     {literal(text)},\n     {len(text.encode())},'
            f"\n     {bytes_literal(packed)},\n     {len(packed)}}},"
        )
    out += ["    {NULL, NULL, NULL, NULL, NULL, 0, NULL, 0},", "};"]


def main():
    output, paths = sys.argv[1], sys.argv[2:]
    languages, pages, static = {}, {}, []
    for path in paths:
        base, ext = os.path.splitext(os.path.basename(path))
        if ext == ".po":
            languages[base] = path
        elif ext == ".mustache":
            pages[base] = path
        elif ext in TYPES:
            static.append(path)
        else:
            sys.exit(f"{path}: cannot be served")
    out = ['#include "hub/web/embedded.h"', ""]
    catalogs(languages, out)
    templates(pages, out)
    assets(static, out)
    with open(output, "w", encoding="utf-8") as target:
        target.write("\n".join(out) + "\n")


main()
