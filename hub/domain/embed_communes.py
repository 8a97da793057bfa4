#!/usr/bin/env python3
"""Writes the C tables of hub/domain/commune.h: embed_communes.py OUTPUT communes.epci."""
import re
import sys

NAME_MAX = 69  # bytes, as struct epci
CODE = re.compile("[0-9][0-9AB][0-9]{3}")


def read(path):
    """[(code, name)] and {commune: which of them}; complains with the line number."""
    epcis, communes = [], {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            code, name, *members = line.split(" | ")
            members = " ".join(members).split()
            if not re.fullmatch("[0-9]{9}", code) or not members:
                sys.exit(f"{path}:{number}: nine digits | name | communes")
            if epcis and code <= epcis[-1][0]:
                sys.exit(f"{path}:{number}: not sorted: {code}")
            if len(name.encode()) > NAME_MAX or "\\" in name:
                sys.exit(f"{path}:{number}: this name cannot be: {name}")
            for commune in members:
                if not CODE.fullmatch(commune) or commune in communes:
                    sys.exit(f"{path}:{number}: not a commune, or a second time: {commune}")
                communes[commune] = len(epcis)
            epcis.append((code, name.replace('"', '\\"')))
    return epcis, communes


def main():
    output, source = sys.argv[1:]
    epcis, communes = read(source)
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "hub/domain/commune.h"\n\nconst struct epci epci_built_in[] = {\n')
        out.writelines(f'    {{"{code}", "{name}"}},\n' for code, name in epcis)
        out.write(f"}};\nconst size_t epci_built_in_count = {len(epcis)};\n")
        out.write("\nconst struct commune commune_built_in[] = {\n")
        out.writelines(f'    {{"{code}", {communes[code]}}},\n' for code in sorted(communes))
        out.write(f"}};\nconst size_t commune_built_in_count = {len(communes)};\n")


main()
