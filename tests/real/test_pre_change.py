"""The worked change of docs/pre-change.md, from ticket to revert, and its GitLab pipeline, over two real squids."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from ..cli.pipelines import documents
from .pre_change import BASELINE, NOBODY, PAGE, PROXIES, STORES, Company, Done, commands, renewed, shown, steps
from .programs import Launcher

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]  # ten programs are started, one after another


@pytest.fixture(scope="module")
def company(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    made = Company(launcher, tmp_path_factory.mktemp("company"))
    yield made
    made.close()


def test_from_ticket_to_revert(company: Company) -> None:
    """Every command ends as the page says and prints what it shows, line ends aside. After a wanted change:
    `PROBER_SAMPLES=1 python -m pytest tests/real/test_pre_change.py` writes the samples anew; look at them."""
    text = PAGE.read_text(encoding="utf-8")
    printed: list[str] = []
    wanted: list[str] = []
    last: list[Done] = []
    for step in steps(text):
        if step.number in ("2", "6"):
            company.proxies["paris"].deny(STORES if step.number == "2" else NOBODY)
        for language, block in step.blocks:
            if language == "sh":  # at once: in the page they are commands on two machines
                with ThreadPoolExecutor() as pool:
                    last = list(pool.map(lambda each: run_as_told(company, *each), commands(block)))
            else:
                printed.append("\n\n".join(shown(done) for done in last))
                wanted.append(block)
    assert len(wanted) >= 5
    if os.environ.get("PROBER_SAMPLES"):
        PAGE.write_text(renewed(text, printed), encoding="utf-8")
        return
    for sample, real in zip(wanted, printed, strict=True):
        assert sample.split() == real.split()


def run_as_told(company: Company, command: str, status: int) -> Done:
    done = company.run(command)
    assert done.status == status, f"{command} ended with {done.status}:\n{done.out}{done.err}"
    return done


def test_the_pipeline_of_gitlab(company: Company) -> None:
    """Its scripts as a runner would run them, each job in its turn, after the change."""
    pipeline = documents(PAGE.read_text(encoding="utf-8"))[1]
    check = "prober check -q --egress {0} --via hq=http://{1} --attempts 3 --save {2} --fail-on none --format json"
    codes = {}
    for job in ("after-paris", "after-lyon"):
        egress = job.removeprefix("after-")
        run_as_told(company, check.format(egress, PROXIES[egress], BASELINE), 0)
        if egress == "paris":
            company.proxies[egress].deny(STORES)
        variables = pipeline[job]["variables"]
        for line in pipeline[".check"]["before_script"]:
            assert company.run(line, variables).status == 0
        (script,) = pipeline[".check"]["script"]
        codes[job] = company.run(script, variables).status
        for path in (f"before-{egress}.json.zst", f"after-{egress}.json.zst", f"after-{egress}.xml"):
            assert (company.folder / path).is_file()
    assert codes == {"after-paris": 1, "after-lyon": 0}
    assert 'type="newly-unreachable"' in (company.folder / "after-paris.xml").read_text()
    assert "<failure" not in (company.folder / "after-lyon.xml").read_text()
    verdict = pipeline["verdict"]
    done = [company.run(line) for line in verdict["script"]]
    assert [each.status for each in done[:-1]] == [0] * (len(done) - 1)
    assert done[-1].status == 1
    for path in verdict["artifacts"]["paths"]:
        assert (company.folder / path).is_file()
    assert yaml.safe_dump(pipeline)
