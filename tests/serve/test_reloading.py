"""Reloads while everything runs: what stays stays, what goes goes, and garbage changes nothing."""

from __future__ import annotations

import copy
import random
import re
import signal
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import yaml

from .conftest import Through, World
from .serving import Serving, write_catalog

HOSTS = tuple(f"h{number}.contoso.test" for number in range(8))
RELOADS: Final = 30


def succeeded(serving: Serving) -> float | None:
    return serving.scrape().value("prober_config_last_reload_successful")


def reloaded(serving: Serving, since: float | None) -> bool:
    return serving.scrape().value("prober_config_last_reload_success_timestamp_seconds") != since


def total(serving: Serving) -> float:
    return serving.scrape().sum("prober_probes_total")


def place(serving: Serving, target: str) -> float:
    """Where in a second a pair's probes begin: of five in a row, whatever was made beside its slots left out."""
    found: list[float] = []

    def another() -> bool:
        at = serving.scrape().value("prober_last_probe_timestamp_seconds", target=target)
        if at is not None and (not found or at != found[-1]):
            found.append(at)
        return len(found) >= 5

    serving.until(another, "probes")
    return min(found, key=lambda one: sum(apart(one, other) for other in found)) % 1


def apart(one: float, other: float) -> float:
    """Of two places on a circle of circumference one."""
    distance = abs(one - other) % 1.0
    return min(distance, 1.0 - distance)


def test_reloads_under_load(world: World, through: Through) -> None:
    """Thirty of them, by SIGHUP and by POST, while pairs come, go and change. Never two of the same pair at once."""
    slow = world.stage.slow
    base = world.configure(HOSTS, origin=slow.port, serve={"interval": 0.3}, probe={"per_host": 100, "timeout": 10})
    serving = world.start("--workers", "2").ready()
    serving.seen()
    stays = "contoso.web.h0"
    before = serving.confirmed(stays)
    dice = random.Random(20261122)  # noqa: S311 # the same garbage in every run
    counted, hosts = 0.0, list(HOSTS)
    for number in range(RELOADS):
        settings = copy.deepcopy(base)
        hosts = [HOSTS[0], *dice.sample(HOSTS[1:], dice.randrange(1, 7)), f"new{number}.contoso.test"]
        write_catalog(world.folder, hosts)
        settings["serve"]["confirm"] = dice.choice([1, 2, 3])
        settings["probe"]["timeout"] = 10 + number // 10  # now and then other workers
        settings["trust"]["pins"] = {"x.test": ["0" * 64]} if number % 7 == 3 else {}
        world.rewrite(settings)
        if number % 2:
            assert serving.ask("/-/reload", "POST", timeout=30).status == 200
        else:
            at = serving.scrape().value("prober_config_last_reload_success_timestamp_seconds")
            serving.signal(signal.SIGHUP)
            serving.until(partial(reloaded, serving, at), "the reload")
        now = total(serving)
        assert now >= counted, "counters go on"
        counted = now
    assert succeeded(serving) == 1.0
    samples = serving.seen()
    there = {labels["target"] for labels, _ in samples.all("prober_target_interval_seconds")}
    assert there == {f"contoso.web.{host.partition('.')[0]}" for host in hosts}
    assert {labels["target"] for labels, _ in samples.all("prober_target_reachable")} == there, "others have vanished"
    assert len(serving.json("/api/v1/pairs")["pairs"]) == len(hosts)
    assert serving.confirmed(stays)["since"] == before["since"]
    assert serving.transitions() == []
    assert samples.sum("prober_failures_total") == 0
    assert samples.value("prober_probes_lost_total") == 0
    assert samples.value("prober_worker_restarts_total") == 0
    assert max(slow.most.values()) == 1, slow.most
    assert any(host.startswith("new") for host in slow.seen), "those that came for a moment were probed, too"
    assert len(serving.until(lambda: len(serving.workers()) == 2 and serving.workers(), "former workers gone")) == 2
    assert "Traceback" not in serving.log


def test_what_a_reload_does_not_touch_keeps_its_moment(world: World) -> None:
    settings = world.configure(serve={"interval": 1.0})
    serving = world.start().ready()
    serving.seen()
    target = "contoso.web.a"
    first = place(serving, target)
    write_catalog(world.folder, ["a.contoso.test", "z.contoso.test"])
    world.rewrite({**settings, "serve": {**settings["serve"], "confirm": 3}})
    assert serving.ask("/-/reload", "POST", timeout=30).status == 200
    assert apart(first, place(serving, target)) < 0.3


Spoil = Callable[[str, random.Random], bytes]


def _octets(text: str, dice: random.Random) -> bytes:
    return dice.randbytes(dice.randrange(1, 400))


def _flipped(text: str, dice: random.Random) -> bytes:
    data = bytearray(text.encode())
    for _ in range(dice.randrange(1, 6)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data) + b"\nno-such-key: 1\n"


def _wrong_values(text: str, dice: random.Random) -> bytes:
    """A value of another kind in some place."""
    settings = yaml.safe_load(text)
    section, key = dice.choice(
        [
            *(("serve", key) for key in ("interval", "confirm", "grace", "listen")),
            *(("probe", key) for key in ("timeout", "concurrency")),
            ("trust", "roots"),
        ]
    )
    settings[section][key] = dice.choice([-1, "x", [[]], {"a": {}}, True, ".nan", 1e400, {"": 0}])
    return yaml.safe_dump(settings).encode()


GARBAGE: Final[list[tuple[str, Spoil]]] = [
    ("octets", _octets),
    ("flipped", _flipped),
    ("wrong values", _wrong_values),
    ("empty", lambda text, dice: b""),
    ("nothing but a comment", lambda text, dice: b"# soon\n"),
    ("a list", lambda text, dice: b"[1, 2]\n"),
    ("aliases", lambda text, dice: b"a: &a [x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (letter, letter, b", ".join([b"*%c" % (letter - 1)] * 9)) for letter in b"bcdefghij"
    )),
    ("deep", lambda text, dice: b"[" * 100_000),
    ("deep mappings", lambda text, dice: b"{a: " * 5_000),
    ("a tag", lambda text, dice: b"routes: !!python/object/apply:os.system ['touch pwned']\n"),
    ("huge", lambda text, dice: b"# " + b"x" * (2 << 20)),
    ("long number", lambda text, dice: b"probe: {timeout: " + b"9" * 20_000 + b"}\n"),
    ("half", lambda text, dice: text.encode()[: len(text) // 2] + b"\n  - {"),
    ("not UTF-8", lambda text, dice: b"\xff\xfe" + text.encode("utf-16-le")),
    ("zeros", lambda text, dice: bytes(4096)),
    ("no such catalog", lambda text, dice: text.replace("own.yaml", "gone.yaml").encode()),
    ("no such roots", lambda text, dice: text.replace("roots.pem", "gone.pem").encode()),
    ("nothing left to probe", lambda text, dice: text.encode() + b"select: {os: [plan9]}\n"),
]  # fmt: skip


def test_garbage_changes_nothing(world: World) -> None:
    """Fifty broken configurations: each is refused with its reasons, by POST and by SIGHUP; then a good one counts."""
    world.configure()
    path = world.folder / "prober.yaml"
    good = path.read_text()
    serving = world.start().ready()
    serving.seen()
    dice = random.Random(4)  # noqa: S311 # the same garbage in every run
    before = serving.json("/api/v1/pairs")["pairs"]
    for number in range(50):
        name, spoil = GARBAGE[number] if number < len(GARBAGE) else dice.choice(GARBAGE[:3])
        path.write_bytes(spoil(good, dice))
        answer = serving.ask("/-/reload", "POST", timeout=30)
        assert answer.status == 500, (name, path.read_bytes()[:400], answer)
        assert answer.body.startswith("The configuration stays as it was:\n"), name
        assert len(answer.body.splitlines()) > 1, name
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", answer.body), name
        assert "broke" not in answer.body, (name, answer.body)
    assert succeeded(serving) == 0.0
    path.unlink()
    serving.signal(signal.SIGHUP)
    serving.until(lambda: "no such file" in serving.log, "the missing file noticed")
    assert serving.json("/api/v1/status")["reload"]["ok"] is False
    assert succeeded(serving) == 0.0
    assert not (world.folder / "pwned").exists()
    after = serving.json("/api/v1/pairs")["pairs"]
    assert [(each["target"], each["confirmed"]["since"]) for each in after] == [
        (each["target"], each["confirmed"]["since"]) for each in before
    ]
    assert serving.log.count("the configuration stays as it was") >= 50
    assert "Traceback" not in serving.log

    path.write_text(good)
    serving.signal(signal.SIGHUP)
    serving.until(lambda: succeeded(serving) == 1.0, "a good one again")
    before_total = total(serving)
    serving.until(lambda: total(serving) > before_total, "probing")


def test_the_web_configuration_and_prober_yaml_count_together_or_not_at_all(world: World) -> None:
    web = world.folder / "web.yml"
    web.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    settings = world.configure(["a.contoso.test"])
    serving = world.start("--web.config.file", str(web)).ready()
    serving.seen()

    def reload() -> tuple[int, str]:
        answer = serving.ask("/-/reload", "POST", timeout=30)
        return answer.status, answer.body

    def watched() -> list[str]:
        return [each["target"] for each in serving.json("/api/v1/pairs")["pairs"]]

    write_catalog(world.folder, ["a.contoso.test", "z.contoso.test"])
    web.write_text("http_server_config: {headers: {X-Frame-Options: sometimes}}\n")
    serving.until(lambda: succeeded(serving) == 0.0, "the broken file, seen without a reload")
    assert serving.json("/api/v1/status")["reload"]["ok"] is False
    status, said = reload()
    assert status == 500
    assert said.startswith("The configuration stays as it was:\n")
    assert "web.yml:1: http_server_config.headers.X-Frame-Options" in said
    assert watched() == ["contoso.web.a"]
    (world.folder / "prober.yaml").write_text("serve: {interval: -1}\n")
    web.write_text("rate_limit: {interval: 1s}\n")
    said = reload()[1]
    assert "prober.yaml:1: serve.interval" in said
    assert "web.yml:1: rate_limit.burst" in said, "all at once"
    web.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    assert reload()[0] == 500
    assert succeeded(serving) == 0.0
    world.rewrite(settings)
    serving.signal(signal.SIGHUP)
    serving.until(lambda: succeeded(serving) == 1.0, "both are good")
    assert watched() == ["contoso.web.a", "contoso.web.z"]


def named(settings: dict[str, Any]) -> set[str]:
    return set(settings["routes"])


def test_routes_come_and_go(world: World, through: Through) -> None:
    """Series of a route that has gone vanish; one whose proxy has changed begins anew; others keep what they had."""
    ports = {name: world.stage.proxy(name) for name in ("hq", "branch", "other")}
    settings = world.configure(
        HOSTS[:2], {"direct": [], "hq": through(ports["hq"]), "branch": through(ports["branch"])}
    )
    serving = world.start().ready()
    serving.seen()
    target = "contoso.web.h0"
    kept, moved = serving.confirmed(target), serving.confirmed(target, "branch")
    settings["routes"] = {"direct": [], "branch": through(ports["other"])}
    world.rewrite(settings)
    assert serving.ask("/-/reload", "POST", timeout=30).status == 200
    samples = serving.seen()
    assert 'route="hq"' not in samples.text
    assert {labels["route"] for labels, _ in samples.all("prober_target_reachable")} == named(settings)
    assert serving.confirmed(target) == kept
    assert serving.confirmed(target, "branch")["since"] > moved["since"]
    assert world.stage.served("other") > 0
    assert serving.ask(f"/api/v1/pairs/{target}/hq").status == 404
