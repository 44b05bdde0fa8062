"""Scripts that mean harm, or might as well: each ends within its limits, with a reason, and the run goes on."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prober.engine.pac.answers import PacAnswer
from prober.engine.pac.limits import MIB, Limits
from prober.engine.pac.names import table
from prober.engine.pac.sandbox import PacSandbox
from prober.model import Reason, Stage

from .processes import children

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
LIMITS = Limits(load_seconds=0.5, call_seconds=0.3, answer_seconds=10, memory=32 * MIB)
URLS = ["https://before/", "https://evil/", "https://after/"]


def evaluate(script: str, urls: list[str] | None = None, limits: Limits = LIMITS) -> list[PacAnswer]:
    began = time.monotonic()
    with PacSandbox(script, now=NOW, resolve=table({"known": ["192.0.2.1"]}), limits=limits, trace=True) as sandbox:
        answers = sandbox.evaluate(urls or URLS)
    assert time.monotonic() - began < 30
    for answer in answers:
        assert (answer.result is None) != (answer.failure is None)
        if answer.failure is not None:
            assert (answer.failure.stage, answer.failure.hop) == (Stage.CONFIG, 0)
            assert answer.failure.reason is Reason.PAC_SCRIPT_ERROR
    return answers


def evil(body: str, before: str = "") -> str:
    """A script that does it for one URL only."""
    return f'{before}\nfunction FindProxyForURL(url, host) {{\nif (host == "evil") {{ {body} }}\nreturn "DIRECT"; }}'


TIME = "interrupted after 0.3 s of processor time"
MEMORY = "out of memory: the script wanted more than 32 MiB"
STACK = "FindProxyForURL threw RangeError: Maximum call stack size exceeded"
ONE_URL: dict[str, tuple[str, str | tuple[str, ...]]] = {
    "endless loop": ("for (;;);", TIME),
    "endless loop that catches": ("for (;;) { try { for (;;); } catch (e) {} finally { continue; } }", TIME),
    "loop inside of a built-in function": (
        'var s = "x".repeat(1e6); for (var n = 0; ; ) n += s.lastIndexOf("y");',
        TIME,
    ),
    "endless generator": ("function* g() { for (;;) yield 1; } for (var x of g());", TIME),
    "endless iterator in spread": (
        "return [...{ [Symbol.iterator]() { return { next() { return {} } } } }].length",
        (MEMORY, TIME),
    ),
    "catastrophic regular expression": ('return /^(a+)+$/.test("a".repeat(40) + "b") + ""', TIME),
    "catastrophic shell expression": ('return shExpMatch("a".repeat(60), "(a*)*(a*)*(a*)*b") + ""', TIME),
    "endless sort": ("[3, 2, 1].sort(function () { for (;;); })", TIME),
    "endless getter": ("({ get a() { for (;;); } }).a", TIME),
    "exception that does not end": ("throw { get name() { for (;;); } }", TIME),
    "exception whose text does not end": ("throw { toString() { for (;;); } }", "FindProxyForURL threw an object"),
    "result whose text does not end": (
        "return { toString() { for (;;); } }",
        "FindProxyForURL returned object, not a text",
    ),
    "argument whose text does not end": ("shExpMatch({ toString() { for (;;); } }, '*')", TIME),
    "alert whose text does not end": ("alert({ toString() { for (;;); } })", TIME),
    "endless allocation": ("var a = []; for (;;) a.push(new Array(10000).fill(a.length));", MEMORY),
    "endless text": (
        'var s = "x"; for (;;) s += s + 1;',
        "FindProxyForURL threw InternalError: string too long (line 3)",
    ),
    "one great allocation": ('"x".repeat(1 << 29)', MEMORY),
    "great array": ("new Array(1e9).fill(1)", MEMORY),
    "great buffer": ("new ArrayBuffer(2e9)", MEMORY),
    "great number": (
        "return (7n ** 9000000n).toString().slice(0, 5)",
        ("FindProxyForURL threw RangeError: BigInt is too large", TIME),
    ),
    "deep recursion": ("(function f() { f(); })()", STACK),
    "deep recursion by text": ('var o = {}; o.toString = function () { return o + ""; }; o + ""', STACK),
    "deep structure": (
        "var a = []; for (;;) a = [a];",
        (MEMORY, "FindProxyForURL threw null (thrown as such, or no memory"),
    ),
    "deep parse": ('eval("[".repeat(1e5))', "FindProxyForURL threw "),
    "result that is no ASCII": (
        'return "PROXY bücher:80"',
        "FindProxyForURL returned a text that is not ASCII: 'PROXY b\\xfccher",
    ),
    "half a character": ('return "\\ud800"', "FindProxyForURL returned a text that is not ASCII"),
    "number": ("return 5", "FindProxyForURL returned number, not a text"),
    "nothing": ("return", "FindProxyForURL returned undefined, not a text"),
    "null": ("return null", "FindProxyForURL returned object, not a text"),
    "text object": ('return new String("DIRECT")', "FindProxyForURL returned object, not a text"),
    "promise": ('return (async function () { return "DIRECT"; })()', "FindProxyForURL returned object"),
    "symbol": ('return Symbol("DIRECT")', "FindProxyForURL returned symbol, not a text"),
    "big integer": ("return 5n", "FindProxyForURL returned bigint, not a text"),
    "enormous result": (
        'return "PROXY a:1;".repeat(1e5)',
        "FindProxyForURL returned 1,000,000 characters, at most 16,384",
    ),
    "thrown text": ('throw "no\\nway"', "FindProxyForURL threw no\nway"),
    "thrown nothing": ("throw undefined", "FindProxyForURL threw undefined"),
    "thrown symbol": ('throw Symbol("x")', "FindProxyForURL threw a symbol"),
    "thrown silence": ("throw {}", "FindProxyForURL threw an object that says nothing of itself"),
    "thrown function": ("throw function x() {}", "FindProxyForURL threw x"),
    "exception that throws": ("throw { get name() { throw 1; } }", "FindProxyForURL threw an object that says nothing"),
    "proxy that throws": ("throw new Proxy({}, { get() { throw 1; } })", "FindProxyForURL threw an object that says"),
    "great exception": ('throw new Error("x".repeat(1e6))', "FindProxyForURL threw Error: xxx"),
    "unknown name": ("\n\nnope()", "FindProxyForURL threw ReferenceError: nope is not defined (line 5)"),
    "line in spite of the library": ('\nshExpMatch("a", "(")', "FindProxyForURL threw SyntaxError: "),
    "too many names": (
        'for (var i = 0; i < 10000; i++) dnsResolve("n" + i + ".example");',
        "the script wanted more than 64 names to be resolved for one URL",
    ),
    "too many names, caught": (
        'for (var i = 0; i < 10000; i++) try { isResolvable("n" + i) } catch (e) {} return "PROXY a:1"',
        "the script wanted more than 64 names to be resolved for one URL",
    ),
    "function removed": ("FindProxyForURL = 5; return FindProxyForURL", "FindProxyForURL returned number"),
    "host object out of reach": ("return native('resolve', '[]')", "FindProxyForURL threw ReferenceError: native"),
    "module": ("return Function('return import(\"os\")')()", "FindProxyForURL returned object, not a text"),
    "require": ("return require('fs')", "FindProxyForURL threw ReferenceError: require is not defined"),
    "waiting": ("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", "FindProxyForURL threw ReferenceError"),
}


@pytest.mark.parametrize("name", ONE_URL)
def test_one_url_goes_wrong_and_the_next_is_answered(name: str) -> None:
    body, detail = ONE_URL[name]
    before, bad, after = evaluate(evil(body))
    assert before.result == "DIRECT"
    assert bad.failure is not None
    assert bad.failure.detail.startswith(detail)
    assert len(bad.failure.detail) <= 700
    if name != "function removed":
        assert after.result == "DIRECT"


HARMLESS = {
    "Function constructor": "return Function('return typeof this.native + typeof process + typeof std + typeof os')()",
    "constructor of a library function": (
        "return shExpMatch.constructor('return typeof native')() + dnsResolve.constructor('return typeof os')()"
    ),
    "indirect eval": "return (0, eval)('typeof native + typeof scriptArgs')",
    "caller and arguments": "try { return typeof dnsResolve.caller } catch (e) { return typeof undefined }",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_there_is_nothing_to_escape_to(name: str) -> None:
    answer = evaluate(evil(HARMLESS[name]))[1]
    assert answer.result is not None
    assert answer.result.replace("undefined", "") == ""


TAMPERING = """
String.prototype.indexOf = String.prototype.substring = String.prototype.slice = function () { throw "mine"; };
String.prototype[Symbol.split] = String.prototype[Symbol.replace] = function () { throw "mine"; };
RegExp.prototype.exec = RegExp.prototype.test = function () { throw "mine"; };
Array.prototype[Symbol.iterator] = Array.prototype.push = function () { throw "mine"; };
for (var i = 0; i < 9; i++) Object.defineProperty(Array.prototype, i, { set: function () { throw "mine"; } });
Object.defineProperty(Object.prototype, "toJSON", { get: function () { throw "mine"; } });
Object.defineProperty(Object.prototype, "MON", { get: function () { throw "mine"; } });
Function.prototype.call = Function.prototype.apply = Function.prototype.bind = function () { throw "mine"; };
Map.prototype.get = Map.prototype.set = function () { throw "mine"; };
JSON.stringify = JSON.parse = Reflect.apply = function () { throw "mine"; };
Date.prototype.getHours = Date.prototype.setHours = Date.prototype.getDay = function () { throw "mine"; };
parseInt = isNaN = String = RegExp = Map = Error = TypeError = Date = undefined;
isQuad = firstQuad = dnsResolve = undefined;
var all = [isInNet("known", "192.0.2.0", "255.255.255.0"), shExpMatch("www.a", "*.a"), dnsDomainLevels("a.b"),
  isPlainHostName("a"), convert_addr("1.2.3.4"), dateRange("MAR"), timeRange(9, 0, 17, 0), weekdayRange("TUE"),
  dnsResolveEx("known"), isInNetEx("10.0.0.1", "10.0.0.0/8"), sortIpAddressList("10.0.0.2;10.0.0.1")];
"""


def test_who_tampers_with_prototypes_changes_no_answer() -> None:
    script = TAMPERING + 'function FindProxyForURL(u, h) { var r = ""; for (var i = 0; i < 11; i++) r += all[i] + " ";'
    script += 'alert("a"); dnsDomainIs(h, "x"); return r; }'
    answer = evaluate(script, ["https://x/"])[0]
    assert answer.failure is None
    assert answer.result == "true true 1 true 16909060 true true true 192.0.2.1 true 10.0.0.1;10.0.0.2 "
    assert answer.alerts == ("a",)
    assert [call.function for call in answer.calls] == ["dnsDomainIs"]


ALL_URLS = {
    "syntax error": (
        "\n\nfunction FindProxyForURL(url, host) {\n  var x = {,};\n}",
        "the script has a syntax error: SyntaxError: invalid property name (line 4)",
    ),
    "end of file": ("function FindProxyForURL(url, host) {", "the script has a syntax error: SyntaxError: "),
    "exception": (
        "\nnope();\nfunction FindProxyForURL() {}",
        "the script threw while it was loaded: ReferenceError: nope is not defined (line 2)",
    ),
    "endless loop": (
        "for (;;);",
        "interrupted after 0.5 s of processor time (an endless loop, or far too much work), while",
    ),
    "endless allocation": (
        "var a = []; for (;;) a.push(new Array(10000).fill(a.length));",
        "out of memory: the script wanted more than 32 MiB",
    ),
    "names": (
        "for (var i = 0; i < 100; i++) dnsResolve('n' + i); function FindProxyForURL() {}",
        "the script wanted more than 64 names",
    ),
    "no function": ("var x;", "the script has no function FindProxyForURL"),
    "no function for this reading": (
        "function FindProxyForURLEx() {}",
        "the script has no function FindProxyForURL; it has FindProxyForURLEx, which only Windows calls",
    ),
    "no function at all": ("FindProxyForURL = 5", "the script has no function FindProxyForURL"),
    "getter that throws": (
        "Object.defineProperty(this, 'FindProxyForURL', {get() { throw new Error('no') }})",
        "the script threw while it was loaded: Error: no (line 1)",
    ),
    "getter that does not end": (
        "Object.defineProperty(this, 'FindProxyForURL', {get() { for (;;); }})",
        "interrupted after 0.5 s",
    ),
    "empty": ("", "the script has no function FindProxyForURL"),
    "5 MB": (
        "/*" + "x" * 5_000_000 + "*/ function FindProxyForURL() { return 'DIRECT' }",
        "the script has 5,000,051 octets, at most 1,048,576 are taken",
    ),
}


@pytest.mark.parametrize("name", ALL_URLS)
def test_all_urls_fail_for_the_same_stated_reason(name: str) -> None:
    script, detail = ALL_URLS[name]
    answers = evaluate(script)
    details = {answer.failure.detail for answer in answers if answer.failure is not None}
    assert len(details) == 1
    assert details.pop().startswith(detail)


def test_a_script_that_never_ends_does_not_hold_up_a_thousand_urls() -> None:
    answers = evaluate("function FindProxyForURL() { for (;;); }", [f"https://h{n}/" for n in range(1000)])
    details = [answer.failure.detail for answer in answers if answer.failure is not None]
    assert len(details) == 1000
    assert all(detail.startswith("interrupted") for detail in details[:3])
    assert set(details[3:]) == {"not evaluated: the script had to be ended 3 times in this run before its turn came"}


def test_a_script_that_is_merely_slow_uses_up_its_run() -> None:
    slow = "function FindProxyForURL() { for (var i = 0; i < 1e5; i++); return 'DIRECT'; }"
    limits = Limits(run_seconds=0.2)
    answers = evaluate(slow, [f"https://h{n}/" for n in range(5000)], limits)
    assert answers[0].result == "DIRECT"
    failure = answers[-1].failure
    assert failure is not None
    assert failure.detail == "not evaluated: the script had used up the 0.2 s of a run"


def test_names_of_a_run_are_bounded() -> None:
    script = "function FindProxyForURL(url, host) { return '' + dnsResolve(host); }"
    answers = evaluate(script, [f"https://h{n}/" for n in range(12)], Limits(run_names=10))
    assert [answer.result for answer in answers[:10]] == ["null"] * 10
    failure = answers[10].failure
    assert failure is not None
    assert failure.detail == "the script wanted more than 10 names to be resolved in one run"


def test_a_flood_of_alerts_and_calls_is_cut_and_counted() -> None:
    body = "for (var i = 0; i < 1000; i++) { alert('x'.repeat(10000)); isPlainHostName('y'.repeat(10000)); }"
    answer = evaluate(evil(body))[1]
    trace = answer.trace
    assert answer.result == "DIRECT"
    assert (len(trace.alerts), trace.alerts_left_out) == (50, 950)
    assert set(trace.alerts) == {"x" * 500 + "…"}
    assert len(trace.calls) + trace.calls_left_out == 1000
    assert sum(len(str(call)) for call in trace.calls) < 80_000
    assert trace.calls[0].arguments == (json.dumps("y" * 200) + "…",)


def test_what_a_script_says_is_data() -> None:
    body = 'alert("\\u0000\\n\\ud800\\u202e\\u001b[31m"); isPlainHostName("\\ud800\\"],["); return "a\\u0000\\n;b"'
    answer = evaluate(evil(body))[1]
    assert answer.result == "a\x00\n;b"
    assert answer.calls[0].arguments == ('"\\ud800\\"],["',)
    assert answer.alerts[0].startswith("\x00\n")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_the_process_has_no_files_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBER_PROXY_PASSWORD_HQ_1", "hunter2secret")
    seen: list[tuple[str, list[str], str, str]] = []
    others = children()  # of tests that share this process

    def look(_: str) -> list[str]:
        """While the script waits for a name."""
        for number in children() - others:
            folder = Path("/proc", number)
            links = sorted({str(each.readlink()).partition(":")[0] for each in (folder / "fd").iterdir()})
            limits = (folder / "limits").read_text()
            seen.append((folder.name, links, (folder / "environ").read_text(), limits))
        return []

    with PacSandbox(evil("dnsResolve('name')"), now=NOW, resolve=look, limits=LIMITS) as sandbox:
        assert sandbox.evaluate(URLS)[1].result == "DIRECT"
    (process,) = seen
    assert process[1] == ["/dev/null", "pipe"]
    assert "hunter2" not in process[2]
    lines = {line[:26].strip(): line[26:].split()[:2] for line in process[3].splitlines()}
    assert lines["Max open files"] == ["0", "0"]
    assert lines["Max core file size"] == ["0", "0"]
    assert lines["Max file size"] == ["0", "0"]
    assert lines["Max address space"] == [str(LIMITS.address_space)] * 2
    assert lines["Max cpu time"] == [str(LIMITS.process_seconds)] * 2
