"""`python -m prober` is the `prober` command."""

from prober.cli.main import run

if __name__ == "__main__":
    run()
