#!/usr/bin/env python3
"""Writes the C table of hub/store/schema.h: embed_schema.py OUTPUT HUBD_VERSION FILE.sql..."""
import os
import re
import sys


def literal(line):
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"'


def main():
    output, hubd_version, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    files = {}
    for path in paths:
        name = os.path.basename(path)
        match = re.fullmatch(r"(\d{4})_[a-z0-9_]+\.sql", name)
        if not match or int(match.group(1)) == 0:
            sys.exit(f"{name}: schema files are named like 0002_outbox.sql")
        version = int(match.group(1))
        if version in files:
            sys.exit(f"{name}: number already taken by {files[version][0]}")
        with open(path, encoding="utf-8") as source:
            files[version] = (name, source.read().splitlines())
    out = ['#include "hub/store/schema.h"', "", "#include <stddef.h>", ""]
    out.append(f'const char schema_hubd_version[] = "{hubd_version}";')
    out.append("const struct schema_file schema_files[] = {")
    for version, (name, lines) in sorted(files.items()):
        out.append(f'    {{{version}, "{name}",')
        out += ["     " + literal(line) for line in lines] or ['     ""']
        out.append("    },")
    out += ["    {0, NULL, NULL},", "};", ""]
    with open(output, "w", encoding="utf-8") as target:
        target.write("\n".join(out))


main()
