"""Runs schemathesis against an installation of its own, once for each role. See script/schemathesis."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ROLES = ["nobody", "affiliate", "vendor", "operator"]

# Every phase but `stateful`, which needs links between operations; what states allow has tests of its own.
PHASES = "examples,coverage,fuzzing"

# Seconds until the installation is up: a debug build on a busy machine.
PATIENCE = 180

# It would end the session that the rest of the run needs.
ENDS_THE_RUN = "DELETE /v1/session"


# What schemathesis cannot read from /openapi.json: a body can be too long, and what it changes another version, before anybody
# looks whether it is right.
CONFIGURATION = """
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429, "5xx"]
"""


class Client:
    """A browser of one person."""

    def __init__(self, base):
        self.base = base
        self.headers = {}

    def send(self, method, path, body=None, form=None):
        headers = {"Origin": self.base, **self.headers}
        data = None
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            data = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        opener = urllib.request.build_opener(NoRedirect)
        with opener.open(request) as answer:
            return answer.headers, answer.read()

    def sign_in(self, word):
        """Signs in as one of the demo's people."""
        headers, _ = self.send("POST", "/sign-in/demo", form={"as": word})
        self.headers["Cookie"] = headers["Set-Cookie"].split(";")[0]
        _, body = self.send("GET", "/v1/session")
        self.headers["X-CSRF-Token"] = json.loads(body)["csrf_token"]
        return self


class NoRedirect(urllib.request.HTTPErrorProcessor):
    def http_response(self, request, response):
        if response.status >= 400:
            raise urllib.error.HTTPError(request.full_url, response.status, response.read()[:400], response.headers, None)
        return response


def credentials(base, role):
    """Who a role is: as configuration, and as headers. Keys where there are keys: a session would not outlive the run."""
    if role == "nobody":
        return "", {}
    if role == "affiliate":
        headers = Client(base).sign_in("affiliate").headers
        session = headers.pop("Cookie").partition("=")[2]
        return f'[auth.openapi.session]\napi_key = "{session}"\n', headers
    operator = Client(base).sign_in("operator")
    _, body = operator.send("GET", "/openapi.json")
    scopes = json.loads(body)["components"]["schemas"]["ApiKeyWanted"]["properties"]["scopes"]["items"]
    if "$ref" in scopes:
        scopes = json.loads(body)["components"]["schemas"][scopes["$ref"].rsplit("/", 1)[1]]
    wanted = {"name": f"schemathesis as {role}", "scopes": scopes["enum"]}
    if role == "vendor":
        _, vendors = operator.send("GET", "/v1/vendors")
        wanted["vendor"] = json.loads(vendors)["data"][0]["vendor_id"]
    _, made = operator.send("POST", "/v1/api-keys", body=wanted)
    return f'[auth.openapi.key]\nbearer = "{json.loads(made)["key"]}"\n', {}


def started(folder):
    """Starts an installation; the address of its console, and the process."""
    shutil.rmtree(folder / "box", ignore_errors=True)
    log = open(folder / "onebox.log", "w+")
    environment = {**os.environ, "CONSOLE_REQUESTS_PER_MINUTE": "1000000"}
    arguments = ["--data-dir", str(folder / "box"), "--no-history", "--no-traffic", "--log", "warn"]
    for flag in ["--redirect-listen", "--console-listen", "--redirector-admin", "--aggregator-admin", "--console-admin"]:
        arguments += [flag, "127.0.0.1:0"]
    process = subprocess.Popen(
        ["target/debug/onebox", "up", *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment
    )
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        text = (folder / "onebox.log").read_text()
        found = re.search(r"console +(http://[0-9.:]+)/", text)
        if found and "everything is up" in text:
            return found.group(1), process
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    sys.exit(f"the installation does not come up; see {folder}/onebox.log")


def run(folder, base, role):
    """One run; whether it found nothing."""
    who, headers = credentials(base, role)
    configuration = folder / f"{role}.toml"
    configuration.write_text(CONFIGURATION + who)
    command = [
        str(folder / "venv/bin/st"), "--config-file", str(configuration), "run", f"{base}/openapi.json", "--checks", "all",
        "--exclude-checks", "positive_data_acceptance,negative_data_rejection,ignored_auth", "--phases", PHASES,
        # Names that match a pattern and are new are rare among those that are drawn.
        "--suppress-health-check", "filter_too_much",
        "--max-examples", os.environ.get("LINKLEDGER_EXAMPLES", "50"), "--generation-database", "none",
        "--continue-on-failure", "--no-color", "--warnings", "off",
    ]  # fmt: skip
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    if role == "affiliate":
        command += ["--exclude-name", ENDS_THE_RUN]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    report = folder / f"{role}.txt"
    with open(report, "w") as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=folder).returncode
    _, _, summary = report.read_text().rpartition("SUMMARY")
    print(f"==> {role}: {'ok' if code == 0 else f'FAILED, see {report}'}")
    print("\n".join(f"    {line.strip()}" for line in summary.splitlines()[1:] if line.strip()), flush=True)
    return code == 0


def main():
    folder = pathlib.Path(sys.argv[1])
    roles = sys.argv[2:] or ROLES
    if unknown := set(roles) - set(ROLES):
        sys.exit(f"no such role: {', '.join(unknown)}; there are {', '.join(ROLES)}")
    base, process = started(folder)
    try:
        outcomes = [run(folder, base, role) for role in roles]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main()
