"""An installation of one's own for scripts that measure one: started in a folder, on free ports, without traffic."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

# Seconds to come up.
UP = 180


def built(profile):
    """Builds every binary. The folder they are in."""
    build = ["cargo", "build", "--profile", profile, "--locked", "--workspace", "--bins"]
    subprocess.run(build, check=True, cwd=ROOT, env={**os.environ, "SQLX_OFFLINE": "true"})
    return TARGET / ("debug" if profile == "dev" else profile)


def started(onebox, folder, environment=None):
    """Starts it in `folder/box`, with nothing in it but the demo's programme. Its process, and what it said."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "onebox.log"
    arguments = ["--data-dir", str(folder / "box"), "--no-history", "--no-traffic", "--log", "warn"]
    for flag in ["--redirect-listen", "--console-listen", "--redirector-admin", "--aggregator-admin", "--console-admin"]:
        arguments += [flag, "127.0.0.1:0"]
    with open(log, "w") as said:
        process = subprocess.Popen([onebox, "up", *arguments], stdout=said, stderr=said, stdin=subprocess.DEVNULL, env=environment)
    until = time.monotonic() + UP
    while time.monotonic() < until and process.poll() is None:
        text = log.read_text()
        if "Stop with Ctrl-C" in text:  # the last it says, behind its addresses
            return process, text
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    sys.exit(f"the installation does not come up; see {log}")


class House:
    """A started installation that shoppers are sent to: how quick it answers, and whether every click counts."""

    def __init__(self, binaries, folder, say):
        self.binaries, self.folder, self.say = binaries, folder, say
        stores = subprocess.run(
            [binaries / "onebox", "env", "--data-dir", folder / "box"], check=True, capture_output=True, text=True
        ).stdout
        self.database = re.search(r"DATABASE_URL='?([^'\n]+)", stores).group(1)
        board = json.loads((folder / "box/processes.json").read_text())
        self.redis = board["redis"]["pid"]
        self.edge = "http://" + board["redirector"]["listen"]
        self.metrics = "http://" + board["redirector"]["admin"] + "/metrics"
        self.logs = []

    def drive(self, name, seconds, rate):
        """What `loadtest drive` found: the 99th percentile in ms, and how many requests went wrong. Each has a plan of its own."""
        self.logs.append(self.folder / f"{name}.log")
        seed = str(len(self.logs))
        command = [self.binaries / "loadtest", "drive", "--target", self.edge, "--database-url", self.database]
        command += ["--seconds", str(seconds), "--rate", str(rate), "--seed", seed, "--log", self.logs[-1]]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        found = json.loads(ran.stdout.splitlines()[-1])
        latency, wrong = found["latency"], found["failed"] + found["refused"] + found["broken"]
        self.say(f"{name}: {found['requests']} requests, {wrong} failed, p50 {latency['p50_ms']:.2f} ms, p99 {latency['p99_ms']:.2f} ms")
        return latency["p99_ms"], wrong

    def open_connections(self):
        """At the edge, as it says itself."""
        with urllib.request.urlopen(self.metrics, timeout=10) as answer:
            said = answer.read().decode()
        return int(float(re.search(r"^redirector_open_connections ([0-9.e+]+)$", said, re.MULTILINE).group(1)))

    def verify(self):
        """Waits until all is counted, and audits it against what shoppers were told."""
        command = [self.binaries / "loadtest", "verify", "--database-url", self.database, "--journal", self.folder / "box/journal"]
        for log in self.logs:
            command += ["--log", log]
        begun = time.monotonic()
        ran = subprocess.run([*command, "--complete"], stdout=subprocess.PIPE, text=True)
        self.say(f"drained and audited in {time.monotonic() - begun:.0f} s: {ran.stdout.strip()}")
        return ran.returncode == 0
