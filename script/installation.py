"""An installation of one's own for scripts that measure one: started in a folder, on free ports, without traffic."""

import shutil
import signal
import subprocess
import sys
import time

# Seconds to come up.
UP = 180


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
