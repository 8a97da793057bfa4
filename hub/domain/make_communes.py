#!/usr/bin/env python3
"""Writes communes.epci, which says in its head where its data are from, to standard output:
make_communes.py FOLDER YEAR, the folder being that of the unpacked npm package."""
import json
import sys
from pathlib import Path

HEAD = """\
# Which communes make up the EPCI of France (groups of communes with own taxes, "à fiscalité
# propre"), as of 1 January {year}. Read at build time; an admin may load a newer list of INSEE
# (hubctl directory places import).
#
#   code | name | communes | communes that are now part of those, and arrondissements
#
# Source: INSEE (Code officiel géographique) and DGCL (Liste des EPCI à fiscalité propre), as
# Etalab puts them together in the npm package @etalab/decoupage-administratif {version}.
# Licence: Licence Ouverte 2.0 (https://www.etalab.gouv.fr/licence-ouverte-open-licence).
# To renew, when INSEE has published the communes of a year:
#
#   npm pack @etalab/decoupage-administratif && tar xf etalab-decoupage-administratif-*.tgz
#   hub/domain/make_communes.py package YEAR >hub/domain/communes.epci
"""


def load(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def main():
    folder, year = Path(sys.argv[1]), sys.argv[2]
    parts = {}  # of a commune of today: codes that it had before, and its arrondissements
    for commune in load(folder, "data/communes.json"):
        parts.setdefault(commune["code"], []).extend(commune.get("anciensCodes", []))
        if commune["type"] == "arrondissement-municipal":
            parts.setdefault(commune["commune"], []).append(commune["code"])
    print(HEAD.format(year=year, version=load(folder, "package.json")["version"]))
    for epci in sorted(load(folder, "data/epci.json"), key=lambda epci: epci["code"]):
        communes = sorted(member["code"] for member in epci["membres"])
        others = sorted(code for commune in communes for code in parts.get(commune, []))
        print(" | ".join(filter(None, (epci["code"], " ".join(epci["nom"].split()),
                                       " ".join(communes), " ".join(others)))))


main()
