"""The `prober` command, also as `python -m prober`. Ctrl-C ends it quietly even while its modules load."""

import sys


def run() -> None:
    """Entry of the program."""
    try:
        from prober.cli.main import run as main

        main()
    except KeyboardInterrupt:
        sys.exit(3)


if __name__ == "__main__":
    run()
