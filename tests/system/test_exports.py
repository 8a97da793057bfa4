#!/usr/bin/env python3
"""What a hub gives away follows the schemas: data.inclusion v1, HSDS 3 as a file and as an API.

Usage: test_exports.py HUBD HUBCTL SOURCE_ROOT
Prints TAP; exits 1 when a test failed.
"""

import json
import os
import re
import sys
import tempfile
import urllib.error
import urllib.request

from jsonschema import Draft202012Validator, FormatChecker

from one_hub import ROOT, Hub, run_tests

VECTORS = os.path.join(ROOT, "tests", "vectors")
SEARCH = os.path.join(ROOT, "tests", "search")


def hsds_schemas():
    """The JSON schemas of the specification, which name each other by file."""
    folder, objects = os.path.join(VECTORS, "hsds", "schema"), {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = re.sub(r'"\$ref": "(\w+)\.json"', r'"$ref": "#/$defs/\1"', file.read())
        objects[name.removesuffix(".json")] = json.loads(text)
    return objects


OBJECTS = hsds_schemas()


def unknown_members(kind, value, path=""):
    """A member that the specification does not have is no error of its schema, but one of ours."""
    properties = OBJECTS[kind]["properties"]
    found = [f"{path}.{name}" for name in value if name not in properties]
    for name, inside in value.items():
        field = properties.get(name, {})
        link = field.get("$ref") or field.get("items", {}).get("$ref", "")
        if not link:
            continue
        for item in inside if isinstance(inside, list) else [inside]:
            found += unknown_members(link.rsplit("/", 1)[1], item, f"{path}.{name}")
    return found


def valid_hsds(kind, value):
    schema = {"$ref": f"#/$defs/{kind}", "$defs": OBJECTS}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(value)
    assert not unknown_members(kind, value), unknown_members(kind, value)


def validator_v1(name):
    with open(os.path.join(VECTORS, "data-inclusion-v1", name + ".schema.json"),
              encoding="utf-8") as file:
        return Draft202012Validator(json.load(file), format_checker=FormatChecker())


class OpenHub(Hub):
    settings = "tls-certificate =\ntls-key =\nopen-directory = yes\n"

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
            assert answer.headers["Content-Type"] == "application/json"
            return json.load(answer)


def fill(hub):
    service = os.path.join(hub.dir, "service.json")
    with open(service, "w", encoding="utf-8") as file:
        json.dump({"name": "Atelier vélo", "description": "Réparer son vélo ensemble.",
                   "theme": ["mobilite--mobilite-douce-partagee-collective"], "price": "gratuit",
                   "conditions": "De 12 à 99 ans", "openingHours": "We 14:00-17:00",
                   "address": "3 rue du Port", "postalCode": "35600", "communeName": "Redon",
                   "commune": "35236", "latitudeE5": 4765140, "longitudeE5": -208400,
                   "phone": "02 99 00 00 00", "reach": ["hub", "se-presenter"],
                   "zone": ["35236"], "language": ["fr"]}, file)
    hub.ctl("directory", "put", service)
    hub.ctl("directory", "import", os.path.join(SEARCH, "structures.json"), "--format",
            "data-inclusion", "--services", os.path.join(SEARCH, "services.json"))
    for name in ("gironde.json", "angers.json", "hinaura-auvergne-rhone-alpes-2021.json",
                 "nouvelle-caledonie-2024.json"):
        hub.ctl("directory", "import", os.path.join(VECTORS, "data", name), "--format",
                "mediation-numerique", "--source", name)


def export_of_data_inclusion_is_valid(hub):
    data = json.loads(hub.ctl("directory", "export", "--format", "data-inclusion"))
    assert len(data["structures"]) > 200 and len(data["services"]) > 1500
    for kind in ("structure", "service"):
        check = validator_v1(kind)
        for record in data[kind + "s"]:
            check.validate(record)


def export_of_hsds_is_valid(hub):
    data = json.loads(hub.ctl("directory", "export", "--format", "hsds"))
    assert len(data["services"]) > 1500
    for service in data["services"]:
        valid_hsds("service", service)
    for organization in data["organizations"]:
        valid_hsds("organization", organization)


def pages_of_the_api_are_whole_and_valid(hub):
    for kind, path in (("service", "/services"), ("organization", "/organizations"),
                       ("location", "/locations"),
                       ("service_at_location", "/service_at_locations"),
                       ("taxonomy", "/taxonomies"), ("taxonomy_term", "/taxonomy_terms")):
        page = hub.get(path + "?page=1&per_page=20")
        assert page["page_number"] == 1 and page["first_page"] is True, page
        assert page["size"] == len(page["contents"]) > 0 and page["empty"] is False, path
        assert page["total_pages"] == -(-page["total_items"] // 20)
        for item in page["contents"]:
            valid_hsds(kind, item)
            assert hub.get(f"{path}/{item['id']}")["id"] == item["id"]
    ids, number, last = set(), 1, False
    while not last:
        page = hub.get(f"/services?page={number}&per_page=100")
        ids |= {item["id"] for item in page["contents"]}
        number, last = number + 1, page["last_page"]
    assert len(ids) == page["total_items"], "a service is on two pages or on none"
    service = hub.get("/services?per_page=1")["contents"][0]
    assert service["name"] == "Atelier vélo" and service["minimum_age"] == 12
    assert service["schedules"][0]["byday"] == "WE"
    assert hub.get("/organizations/" + service["organization"]["id"])["name"] == "Mairie de Redon"


def what_is_not_there_is_not_found(hub):
    for path, status in (("/services/nothing", 404),
                         ("/services/00000000-0000-8000-8000-0000000f423f", 404),
                         ("/organizations/of.", 404), ("/services?page=0", 400),
                         ("/services?page=x", 400), ("/locations/import.1", 404),
                         ("/services/import.1", 404)):  # a structure
        try:
            hub.get(path)
            raise AssertionError(path)
        except urllib.error.HTTPError as error:
            assert error.code == status, (path, error.code)


def export_can_be_read_by_another_hub(hub):
    path = os.path.join(hub.dir, "export.json")
    exported = hub.ctl("directory", "export", "--format", "hsds")
    with open(path, "wb") as file:
        file.write(exported)
    with tempfile.TemporaryDirectory() as root:
        other = OpenHub(root)
        try:
            other.ctl("directory", "import", path, "--format", "hsds", "--source", "Redon")
            first = hub.get("/services?per_page=100")["contents"]
            found = {}
            number, last = 1, False
            while not last:
                page = other.get(f"/services?page={number}&per_page=100")
                found |= {item["name"]: item for item in page["contents"]}
                number, last = number + 1, page["last_page"]
            for service in first:
                twin = found[service["name"]]
                assert twin["status"] == "active"
            bike = found["Atelier vélo"]
            for member in ("description", "eligibility_description", "minimum_age"):
                assert bike[member] == first[0][member], member
            assert bike["schedules"][0]["description"] == "We 14:00-17:00"
            terms = {a["taxonomy_term"]["code"] for a in bike["attributes"]}
            assert "mobilite--mobilite-douce-partagee-collective" in terms
            assert bike["service_at_locations"][0]["location"]["latitude"] == 47.6514
        finally:
            other.stop()


def nobody_reads_it_where_the_hub_does_not_say_so(hub):
    with open(os.path.join(hub.dir, "hub.ini"), encoding="utf-8") as ini:
        text = ini.read()
    with open(os.path.join(hub.dir, "hub.ini"), "w", encoding="utf-8") as ini:
        ini.write(text.replace("open-directory = yes", "open-directory = no"))
    hub.stop()
    hub.start()
    try:
        hub.get("/services")
        raise AssertionError("anybody reads the directory")
    except urllib.error.HTTPError as error:
        assert error.code == 401, error.code


TESTS = [export_of_data_inclusion_is_valid, export_of_hsds_is_valid,
         pages_of_the_api_are_whole_and_valid, what_is_not_there_is_not_found,
         export_can_be_read_by_another_hub, nobody_reads_it_where_the_hub_does_not_say_so]


def main():
    with tempfile.TemporaryDirectory() as root:
        hub = OpenHub(root)
        try:
            fill(hub)
            return run_tests(TESTS, hub)
        finally:
            hub.stop()


if __name__ == "__main__":
    sys.exit(main())
