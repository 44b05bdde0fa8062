from __future__ import annotations

from prober.model import Route, Secret
from prober.routes.passwords import cleartext_password_warnings, name_clashes, password_variable, with_passwords
from prober.routes.text import RouteError, parse_via


def route(text: str) -> Route:
    errors: list[RouteError] = []
    parsed = parse_via(text, errors)
    assert parsed is not None, errors
    return parsed


def test_the_variable_of_a_hop() -> None:
    assert password_variable("h-q.2", 1) == "PROBER_PROXY_PASSWORD_H_Q_2_1"


def test_the_environment_fills_and_replaces() -> None:
    environ = {"PROBER_PROXY_PASSWORD_T_1": "", "PROBER_PROXY_PASSWORD_T_2": "new"}
    filled = with_passwords(route("t=http://a@h,http://b:old@i,https://c:kept@j"), environ)
    assert [hop.password for hop in filled.hops] == [Secret(""), Secret("new"), Secret("kept")]


def test_a_password_that_its_hop_cannot_carry() -> None:
    errors: list[RouteError] = []
    environ = {f"PROBER_PROXY_PASSWORD_T_{n}": "hunter2" + "x" * 300 for n in (1, 2, 3)}
    filled = with_passwords(route("t=http://h,socks4://u@i,socks5://u@j"), environ, errors)
    assert [(error.path, error.message.partition(": ")[2]) for error in errors] == [
        ("PROBER_PROXY_PASSWORD_T_1", "a password without a user"),
        ("PROBER_PROXY_PASSWORD_T_2", "socks4 has a user id but no password: drop it, or use socks5"),
        ("PROBER_PROXY_PASSWORD_T_3", "the password is longer than the 255 bytes that SOCKS 5 carries (RFC 1929)"),
    ]
    assert "hunter2" not in repr(errors)
    assert all(hop.password is None for hop in filled.hops)


def test_names_that_share_a_variable() -> None:
    assert name_clashes(["a-b", "direct", "x", "a_b", "x"]) == [
        ("a_b", 'routes "a-b" and "a_b" would share the variable PROBER_PROXY_PASSWORD_A_B_1: rename one'),
        ("x", 'two routes are named "x": give one of them a NAME='),
    ]


def test_which_passwords_cross_the_network_in_the_clear() -> None:
    assert cleartext_password_warnings(route("t=https://u:p@h,https://u:p@i")) == []
    assert cleartext_password_warnings(route("t=http://h,https://u:p@i")) == []
    assert cleartext_password_warnings(route("t=http://u:p@h:1")) == [
        "route t, hop 1 (http://h:1): the password crosses the network in the clear between this machine and this "
        "proxy: use https:// if the proxy offers it"
    ]
    # TLS to the outer proxy ends there: the stretch between the two is open.
    assert cleartext_password_warnings(route("t=https://h:1,socks5h://u:p@i:2")) == [
        "route t, hop 2 (socks5h://i:2): the password crosses the network in the clear between hop 1 (https://h:1) "
        "and this proxy"
    ]
