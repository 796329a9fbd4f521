"""Turns `cargo metadata` (on stdin) into a CycloneDX 1.5 bill of materials for one package of the workspace.

Only what ends up in the binary is listed: neither what tests need nor what only builds.
"""

import json
import pathlib
import sys
import tomllib

room = sys.argv[1]
metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
with open(pathlib.Path(metadata["workspace_root"]) / "Cargo.lock", "rb") as lock:
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.load(lock)["package"]}


def linked(node):
    """What a package brings into the binary: its normal dependencies, but for macros, which run in the compiler."""
    for dependency in node["deps"]:
        normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
        targets = packages[dependency["pkg"]]["targets"]
        if normal and not any("proc-macro" in target["kind"] for target in targets):
            yield dependency["pkg"]


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, kind):
    described = {
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package["license"]:
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum := checksums.get((package["name"], package["version"])):
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return described


[root] = [id for id in metadata["workspace_members"] if packages[id]["name"] == room]
seen, waiting = {root}, [root]
while waiting:
    for dependency in linked(nodes[waiting.pop()]):
        if dependency not in seen:
            seen.add(dependency)
            waiting.append(dependency)


def order(id):
    return (packages[id]["name"], packages[id]["version"])


bom = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "version": 1,
    "metadata": {"component": component(packages[root], "application")},
    "components": [component(packages[id], "library") for id in sorted(seen - {root}, key=order)],
    "dependencies": [
        {
            "ref": purl(packages[id]),
            "dependsOn": sorted({purl(packages[d]) for d in linked(nodes[id])}),
        }
        for id in sorted(seen, key=order)
    ],
}
json.dump(bom, sys.stdout, indent=1, ensure_ascii=False)
print()
