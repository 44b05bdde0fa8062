// The functions that a PAC script may call, and the one function through which the prober calls the script.
//
// Evaluated once, before the script, as a factory. Everything it needs of the language is taken now: a script that
// changes prototypes afterwards changes its own world, not these functions. `native` (a function of the prober's) is the
// only way out of the engine; it takes and gives texts, never throws, and is out of the script's reach.
//
// native("resolve", ["NAME"])        addresses joined by ";", "" if there is none
// native("in-net", ["ADDRESS", "PREFIX"])    "1" or "", by the reading in force
// native("sort", ["LIST"])           the list in order, "" if it cannot be sorted
(function (settingsText) {
  "use strict";
  const native = globalThis.native;
  delete globalThis.native;
  const settings = JSON.parse(settingsText);
  const windows = settings.reading === "winhttp";

  const { apply, construct, defineProperty } = Reflect;
  const { call, bind } = Function.prototype;
  const uncurried = (method) => apply(bind, call, [method]);
  const stringify = JSON.stringify;
  const texts = String.prototype;
  const slice = uncurried(texts.slice);
  const wellFormed = uncurried(texts.toWellFormed);
  const indexOf = uncurried(texts.indexOf);
  const substring = uncurried(texts.substring);
  const lastIndexOf = uncurried(texts.lastIndexOf);
  const endsWith = uncurried(texts.endsWith);
  const exec = uncurried(RegExp.prototype.exec);
  const mapGet = uncurried(Map.prototype.get);
  const mapSet = uncurried(Map.prototype.set);
  const ThePattern = RegExp;
  const TheMap = Map;
  const TheError = Error;
  const TheTypeError = TypeError;
  const toText = String;
  const outwards = (task, given) => native(task, slice(given, 0)); // in one piece: the engine keeps long sums of texts in parts
  const toInteger = parseInt;
  const isNotNumber = isNaN;
  const multiply = Math.imul;
  const RealDate = Date;
  const days = RealDate.prototype;
  const date = { __proto__: null };
  for (const field of ["Day", "Date", "Month", "FullYear", "Hours", "Minutes", "Seconds"]) {
    for (const verb of ["get", "getUTC", "set"]) {
      if (days[verb + field]) date[verb + field] = uncurried(days[verb + field]);
    }
  }
  const dateText = uncurried(days.toString);

  // What is seen of one call

  let now = 0; // milliseconds since the epoch: time stands still
  let known = new TheMap(); // names resolved in this run
  const tracing = settings.trace;
  let calls = "";
  let callsKept = 0;
  let callsLeftOut = 0;
  let alerts = "";
  let alertsKept = 0;
  let alertsLeftOut = 0;
  let refused = false;
  let drewLots = false;
  let chance = 0;

  function blank() {
    calls = alerts = "";
    callsKept = callsLeftOut = alertsKept = alertsLeftOut = 0;
    drewLots = refused = false;
    chance = settings.seed; // anew for each URL, so that its answer does not depend on those before
  }

  function shown(value) {
    switch (typeof value) {
      case "string":
        return value.length > 200 ? stringify(slice(value, 0, 200)) + "…" : stringify(value);
      case "number":
      case "boolean":
      case "undefined":
        return "" + value;
      default:
        return value === null ? "null" : "[" + typeof value + "]";
    }
  }

  function note(name, given, outcome) {
    if (callsKept >= settings.calls || calls.length > settings.traced) {
      callsLeftOut++;
      return;
    }
    let list = "";
    for (let at = 0; at < given.length && at < 8; at++) list += (at ? "," : "") + stringify(shown(given[at]));
    calls += (callsKept++ ? "," : "") + '["' + name + '",[' + list + "]," + stringify(outcome) + "]";
  }

  // Without a record a script gets the function itself: most of what a long script costs is calling these
  function publish(name, work, length) {
    const wrapper = {
      [name](...given) {
        let value;
        try {
          value = apply(work, undefined, given);
        } catch (error) {
          note(name, given, "threw");
          throw error;
        }
        note(name, given, shown(value));
        return value;
      },
    }[name];
    const seen = tracing ? wrapper : work;
    defineProperty(seen, "name", { value: name, configurable: true });
    defineProperty(seen, "length", { value: length, configurable: true });
    globalThis[name] = seen;
  }

  // Names and addresses

  function addressesOf(host) {
    if (typeof host !== "string" || host === "" || host.length > 1024 || refused) return "";
    let found = mapGet(known, host);
    if (found === undefined) {
      found = outwards("resolve", "[" + stringify(host) + "]");
      if (found === "!") {
        refused = true; // beyond the limit: the prober knows, and will not take this answer
        return "";
      }
      mapSet(known, host, found);
    }
    return found;
  }

  const QUAD = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

  function isQuad(text) {
    const parts = exec(QUAD, text);
    return parts !== null && parts[1] <= 255 && parts[2] <= 255 && parts[3] <= 255 && parts[4] <= 255;
  }

  function firstQuad(host) {
    const addresses = addressesOf(host);
    if (addresses === "") return null;
    let from = 0;
    while (from <= addresses.length) {
      let to = indexOf(addresses, ";", from);
      if (to < 0) to = addresses.length;
      const address = substring(addresses, from, to);
      if (isQuad(address)) return address;
      from = to + 1;
    }
    return null;
  }

  // Of 32 bits with a sign, so that 128.0.0.0 and above are negative
  function numberOf(address) {
    let number = 0;
    let from = 0;
    for (let part = 0; part < 4; part++) {
      let to = indexOf(address, ".", from);
      if (to < 0) to = address.length;
      number = (number << 8) | (substring(address, from, to) & 255);
      from = to + 1;
    }
    return number;
  }

  function isInNet(host, pattern, mask) {
    if (!isQuad(pattern) || !isQuad(mask)) return false;
    const address = isQuad(host) ? host : firstQuad(host);
    if (address === null) return false;
    const bits = numberOf(mask);
    return (numberOf(address) & bits) === (numberOf(pattern) & bits);
  }

  function isPlainHostName(host) {
    if (typeof host !== "string") throw new TheTypeError("isPlainHostName: expected a text");
    return indexOf(host, ".") < 0 && indexOf(host, ":") < 0;
  }

  function dnsDomainIs(host, domain) {
    const start = host.length - domain.length;
    return start >= 0 && substring(host, start) == domain;
  }

  function localHostOrDomainIs(host, full) {
    return host == full || lastIndexOf(full, host + ".", 0) === 0;
  }

  function dnsDomainLevels(host) {
    let count = 0;
    for (let at = indexOf(host, "."); at >= 0; at = indexOf(host, ".", at + 1)) count++;
    return count;
  }

  // Shell expressions are regular expressions of which only . * and ? were thought

  const patterns = new TheMap(); // by shell expression: a RegExp, or a text for those that only ask how a text ends
  let patternsKept = 0;
  const ENDING = /^\*[\w.-]*$/;
  const LINE_END = /[\n\r\u2028\u2029]/; // not matched by a star
  let oneLine = "";

  function compiled(shell) {
    if (typeof shell !== "string") throw new TheTypeError("shExpMatch: expected a text as pattern");
    let pattern = mapGet(patterns, shell);
    if (pattern !== undefined) return pattern;
    pattern = exec(ENDING, shell) === null ? new ThePattern(sourceOf(shell)) : substring(shell, 1);
    if (patternsKept < 20000 && shell.length < 500) {
      mapSet(patterns, shell, pattern);
      patternsKept++;
    }
    return pattern;
  }

  function sourceOf(shell) {
    let source = "^";
    let from = 0;
    for (let at = 0; at < shell.length; at++) {
      const letter = shell[at];
      if (letter !== "." && letter !== "*" && letter !== "?") continue;
      source += substring(shell, from, at) + (letter === "." ? "\\." : letter === "*" ? ".*" : ".");
      from = at + 1;
    }
    return source + substring(shell, from) + "$";
  }

  function shExpMatch(text, shell) {
    const pattern = compiled(shell);
    if (typeof pattern !== "string") return exec(pattern, text) !== null;
    text = "" + text;
    if (text === oneLine) return endsWith(text, pattern);
    if (exec(LINE_END, text) !== null) return exec(new ThePattern(sourceOf(shell)), text) !== null;
    oneLine = text; // hosts are compared with one rule after the other
    return endsWith(text, pattern);
  }

  // Time

  const WEEKDAYS = { __proto__: null, SUN: 0, MON: 1, TUE: 2, WED: 3, THU: 4, FRI: 5, SAT: 6 };
  const MONTHS = {
    __proto__: null, JAN: 0, FEB: 1, MAR: 2, APR: 3, MAY: 4, JUN: 5,
    JUL: 6, AUG: 7, SEP: 8, OCT: 9, NOV: 10, DEC: 11,
  };
  const numbered = (table, name) => (name in table ? table[name] : -1);
  const inGmt = (given) => given.length > 0 && given[given.length - 1] == "GMT";
  const within = (first, moment, last) =>
    first <= last ? first <= moment && moment <= last : moment <= last || first <= moment;

  // Greenwich's fields in the clothes of local time, one after the other as browsers do: near the end of a month a
  // field can roll over before the next one is set
  const FIELDS = ["FullYear", "Month", "Date", "Hours", "Minutes", "Seconds"];
  function asIfLocal(moment) {
    for (let at = 0; at < 6; at++) date["set" + FIELDS[at]](moment, date["getUTC" + FIELDS[at]](moment));
  }

  function weekdayRange(...given) {
    if (given.length === 0) return false;
    const gmt = inGmt(given);
    const count = given.length - (gmt ? 1 : 0);
    const first = numbered(WEEKDAYS, given[0]);
    const last = count === 2 ? numbered(WEEKDAYS, given[1]) : first;
    const today = date[gmt ? "getUTCDay" : "getDay"](new RealDate(now));
    return first !== -1 && last !== -1 && within(first, today, last);
  }

  function isToday(part, moment, gmt) {
    const get = gmt ? "getUTC" : "get";
    const number = toInteger(part);
    if (isNotNumber(number)) return date[get + "Month"](moment) === numbered(MONTHS, part);
    return date[get + (number < 32 ? "Date" : "FullYear")](moment) === number;
  }

  function dateRange(...given) {
    if (given.length === 0) return false;
    const gmt = inGmt(given);
    const count = given.length - (gmt ? 1 : 0);
    const moment = new RealDate(now);
    if (count === 1) return isToday(given[0], moment, gmt);
    const year = date.getFullYear(moment);
    const first = new RealDate(year, 0, 1, 0, 0, 0);
    const last = new RealDate(year, 11, 31, 23, 59, 59);
    const half = count >> 1;
    let daysOnly = false;
    for (let at = 0; at < count; at++) {
      const bound = at < half ? first : last;
      const number = toInteger(given[at]);
      if (isNotNumber(number)) {
        date.setMonth(bound, numbered(MONTHS, given[at]));
      } else if (number < 32) {
        if (at < half) daysOnly = count <= 2;
        date.setDate(bound, number);
      } else {
        date.setFullYear(bound, number);
      }
    }
    if (daysOnly) {
      const month = date.getMonth(moment);
      date.setMonth(first, month);
      date.setMonth(last, month);
    }
    if (gmt) asIfLocal(moment);
    return within(+first, +moment, +last);
  }

  function timeRange(...given) {
    if (given.length === 0) return false;
    const gmt = inGmt(given);
    const count = given.length - (gmt ? 1 : 0);
    const moment = new RealDate(now);
    const hour = date[gmt ? "getUTCHours" : "getHours"](moment);
    if (count === 1) return hour == given[0];
    if (count === 2) return given[0] <= hour && hour <= given[1];
    if (count !== 4 && count !== 6) throw new TheError("timeRange: bad number of arguments");
    const half = count >> 1;
    const first = new RealDate(now);
    const last = new RealDate(now);
    if (count === 6) {
      date.setSeconds(first, given[2]);
      date.setSeconds(last, given[5]);
    }
    date.setHours(first, given[0]);
    date.setMinutes(first, given[1]);
    date.setHours(last, given[half]);
    date.setMinutes(last, given[half + 1]);
    if (count === 4) date.setSeconds(last, 59);
    if (gmt) asIfLocal(moment);
    return within(+first, +moment, +last);
  }

  // What says something else each time is made to say the same

  function PacDate(...given) {
    if (new.target === undefined) return dateText(new RealDate(now));
    return construct(RealDate, given.length ? given : [now], new.target);
  }
  PacDate.prototype = days;
  for (const [name, value] of [["now", () => now], ["parse", RealDate.parse], ["UTC", RealDate.UTC]]) {
    defineProperty(PacDate, name, { value, writable: true, configurable: true });
  }
  defineProperty(PacDate, "name", { value: "Date", configurable: true });
  defineProperty(PacDate, "length", { value: 7, configurable: true });
  defineProperty(days, "constructor", { value: PacDate, writable: true, configurable: true });
  defineProperty(globalThis, "Date", { value: PacDate, writable: true, configurable: true });

  // mulberry32 (public domain): even enough to choose among proxies
  function random() {
    drewLots = true;
    chance = (chance + 0x6d2b79f5) | 0;
    let mixed = multiply(chance ^ (chance >>> 15), 1 | chance);
    mixed = (mixed + multiply(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    const drawn = ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    if (tracing) note("Math.random", [], "" + drawn);
    return drawn;
  }
  defineProperty(Math, "random", { value: random, writable: true, configurable: true });

  // What this engine has and no PAC engine of a browser
  for (const name of [
    "performance", "btoa", "atob", "queueMicrotask", "DOMException", "navigator", "Atomics", "SharedArrayBuffer",
  ]) {
    delete globalThis[name];
  }

  function alert(message) {
    let text;
    try {
      text = toText(message);
    } catch {
      return;
    }
    if (alertsKept >= settings.alerts) {
      alertsLeftOut++;
      return;
    }
    if (text.length > settings.alert) text = slice(text, 0, settings.alert) + "…";
    alerts += (alertsKept++ ? "," : "") + stringify(wellFormed(text));
  }

  // To be seen by the script

  publish("isPlainHostName", isPlainHostName, 1);
  publish("dnsDomainIs", dnsDomainIs, 2);
  publish("localHostOrDomainIs", localHostOrDomainIs, 2);
  publish("isResolvable", (host) => firstQuad(host) !== null, 1);
  publish("isInNet", isInNet, 3);
  publish("dnsResolve", firstQuad, 1);
  publish("convert_addr", numberOf, 1);
  publish("isValidIpAddress", isQuad, 1);
  publish("myIpAddress", () => settings.address, 0);
  publish("dnsDomainLevels", dnsDomainLevels, 1);
  publish("shExpMatch", shExpMatch, 2);
  publish("weekdayRange", weekdayRange, 0);
  publish("dateRange", dateRange, 0);
  publish("timeRange", timeRange, 0);
  globalThis.alert = alert;

  // Microsoft's additions

  function isInNetEx(address, prefix) {
    if (typeof address !== "string" || typeof prefix !== "string") return windows ? false : null;
    return outwards("in-net", "[" + stringify(address) + "," + stringify(prefix) + "]") === "1";
  }

  function sortIpAddressList(list) {
    if (typeof list !== "string") return windows ? "" : null;
    return outwards("sort", "[" + stringify(list) + "]") || (windows ? "" : false);
  }

  publish("dnsResolveEx", addressesOf, 1);
  publish("isResolvableEx", (host) => addressesOf(host) !== "", 1);
  publish("myIpAddressEx", () => settings.addresses, 0);
  publish("isInNetEx", isInNetEx, 2);
  publish("sortIpAddressList", sortIpAddressList, 1);
  if (windows) publish("getClientVersion", () => "1.0", 0);

  // From here on for the prober

  function entry() {
    if (windows && typeof globalThis.FindProxyForURLEx === "function") return "FindProxyForURLEx";
    return typeof globalThis.FindProxyForURL === "function" ? "FindProxyForURL" : "";
  }

  function textOf(value, most) {
    return typeof value === "string" ? wellFormed(slice(value, 0, most)) : "";
  }

  function described(error) {
    let name = "";
    let message = "";
    let stack = "";
    if ((typeof error === "object" && error !== null) || typeof error === "function") {
      try {
        name = textOf(error.name, 100);
        message = textOf(error.message, 400);
        stack = textOf(error.stack, 4000);
      } catch {
        message = "";
      }
      if (name + message === "") message = "an object that says nothing of itself";
    } else if (error === null) {
      message = "null (thrown as such, or no memory was left to say more)";
    } else {
      message = typeof error === "symbol" ? "a symbol" : textOf("" + error, 400);
    }
    return '"name":' + stringify(name) + ',"message":' + stringify(message) + ',"stack":' + stringify(stack);
  }

  function report(rest) {
    const seen = '"calls":[' + calls + '],"calls_left_out":' + callsLeftOut + ',"alerts":[' + alerts;
    return slice("{" + seen + '],"alerts_left_out":' + alertsLeftOut + ',"random":' + drewLots + "," + rest + "}", 0);
  }

  function ask(url, host) {
    let name = "";
    try {
      name = entry();
      if (name === "") return report('"missing":true');
      const given = apply(globalThis[name], globalThis, [url, host]);
      const head = '"entry":"' + name + '","type":"' + typeof given + '"';
      if (typeof given !== "string") return report(head);
      if (given.length > settings.longest) return report(head + ',"length":' + given.length);
      return report(head + ',"result":' + stringify(wellFormed(given)));
    } catch (error) {
      return report('"entry":"' + name + '",' + described(error));
    }
  }

  return function run(task, first, second) {
    switch (task) {
      case "begin": // a run, at its moment
        now = first;
        known = new TheMap();
        blank();
        return "";
      case "loaded": {
        const ready = entry();
        let other = false;
        if (ready === "") other = typeof globalThis.FindProxyForURLEx === "function";
        return report('"entry":"' + ready + '","other":' + other);
      }
      default:
        blank();
        return ask(first, second);
    }
  };
})
