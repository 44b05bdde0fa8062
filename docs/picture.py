"""Draws the README's picture: `prober check` in the lab, over five of its routes, as the program itself prints it."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

PROBER = (sys.executable, "-m", "prober")
ROUTES = ("open", "login", "blocking", "inspected", "chain")


def main() -> None:
    """Start a lab, check in it, write the picture to the path given."""
    with tempfile.TemporaryDirectory() as folder:
        config, ready = Path(folder, "prober.yaml"), Path(folder, "ready")
        command = [*PROBER, "lab", "--write-config", str(config), "--ready-file", str(ready)]
        lab = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not ready.exists():
                if lab.poll() is not None:
                    raise SystemExit("the lab did not start")
                select.select([], [], [], 0.05)
            vias = [part for route in ROUTES for part in ("--via", route)]
            wanted = ["--service", "MDE,MDAV,MDI,COMMON", "--geo", "EU", "--format", "svg", "--output", sys.argv[1]]
            check = [*PROBER, "check", "-q", "--config", str(config), *vias, *wanted, "--fail-on", "none"]
            subprocess.run(check, check=True)
        finally:
            lab.send_signal(signal.SIGTERM)
            lab.wait()


if __name__ == "__main__":
    main()
