// What changes, as it changes; and a plain word when it does not come any more.
"use strict";
(() => {
  const state = document.getElementById("live");
  const text = document.getElementById("live-text");
  const title = document.title;
  const silence = 15000; // milliseconds without a sign of life after which this is not live
  let token = document.body.dataset.token;
  let source = null;
  let heard = Date.now();
  let lastResult = null;
  let retry = 0;

  function tell(kind, words) {
    if (state.dataset.state !== kind) state.dataset.state = kind;
    if (text.textContent !== words) text.textContent = words;
  }

  function lost() {
    tell("lost", `not live since ${window.prober.exact(window.prober.now() - (Date.now() - heard))}`);
  }

  function broken() {
    const count = Number(document.querySelector("#panel-causes [data-count]")?.dataset.count || 0);
    document.title = count ? `✕ ${count} · ${title}` : title;
  }

  function replace(element, html) {
    const holder = document.createElement("template");
    holder.innerHTML = html; // the server's own, escaped there; a policy forbids scripts in it
    element.replaceChildren(holder.content);
  }

  function cell(id, html) {
    const old = document.getElementById(id);
    if (!old) return;
    const focused = old.contains(document.activeElement);
    const holder = document.createElement("template");
    holder.innerHTML = `<table><tbody><tr>${html}</tr></tbody></table>`;
    const fresh = holder.content.querySelector("td");
    old.replaceWith(fresh);
    if (focused) fresh.querySelector("a").focus({ preventScroll: true });
  }

  function group(id, html, isBroken) {
    const element = document.getElementById(id);
    if (!element) return;
    replace(element.querySelector("summary"), html);
    const was = element.dataset.broken !== undefined;
    if (isBroken) element.dataset.broken = "";
    else delete element.dataset.broken;
    if (isBroken && !was) element.open = true;
  }

  function panel(name, html) {
    const element = document.getElementById(`panel-${name}`);
    if (!element) return;
    const opened = [...element.querySelectorAll("details[open]")].map((each) => each.parentElement.querySelector(".sentence")?.textContent);
    const links = [...element.querySelectorAll("a, summary")];
    const focused = links.indexOf(document.activeElement);
    replace(element, html);
    for (const each of element.querySelectorAll("details")) {
      if (opened.includes(each.parentElement.querySelector(".sentence")?.textContent)) each.open = true;
    }
    if (focused >= 0) element.querySelectorAll("a, summary")[focused]?.focus({ preventScroll: true });
  }

  function news(event) {
    const data = JSON.parse(event.data);
    token = event.lastEventId;
    for (const [id, html] of Object.entries(data.cells)) cell(id, html);
    for (const [id, [html, isBroken]] of Object.entries(data.groups)) group(id, html, isBroken);
    for (const [name, html] of Object.entries(data.panels)) panel(name, html);
    window.prober.applyFilter(false);
    window.prober.refresh();
    broken();
    alive();
  }

  function alive() {
    heard = Date.now();
    retry = 0;
    const ago = lastResult === null ? 0 : Math.max(0, Math.floor((window.prober.now() - lastResult) / 1000));
    const last = ago < 120 ? `${ago} s` : window.prober.age(ago);
    tell("live", lastResult === null ? "live" : `live, last result ${last} ago`);
  }

  function pulse(event) {
    const data = JSON.parse(event.data);
    if (data.build !== document.body.dataset.build) {
      location.reload(); // another version: its scripts are not these
      return;
    }
    window.prober.setClock(data.now);
    lastResult = data.last === null ? null : Date.parse(data.last);
    alive();
  }

  // The pairs have changed, or too much else: the whole page once more, without losing the place.
  async function again() {
    source.close();
    try {
      const answer = await fetch(window.prober.filterAddress(), { cache: "no-store" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (fresh.body.dataset.build !== document.body.dataset.build) {
        location.reload();
        return;
      }
      const opened = new Map([...document.querySelectorAll(".group")].map((each) => [each.id, each.open]));
      for (const id of ["panel-causes", "panel-routes", "panel-regions", "panel-changes", "panel-health", "groups"]) {
        document.getElementById(id).replaceChildren(...document.adoptNode(fresh.getElementById(id)).childNodes);
      }
      document.querySelector(".columns").replaceWith(document.adoptNode(fresh.querySelector(".columns")));
      document.getElementById("matrix").className = fresh.getElementById("matrix").className;
      for (const name of ["service", "geography", "route"]) {
        const field = document.getElementById("filter").elements[name];
        const value = field.value;
        field.replaceChildren(...fresh.getElementById("filter").elements[name].childNodes);
        field.value = value;
        if (field.value !== value) field.value = "";
      }
      for (const each of document.querySelectorAll(".group")) {
        if (opened.has(each.id)) each.open = opened.get(each.id) || each.open;
      }
      token = fresh.body.dataset.token;
      window.prober.applyFilter(false);
      broken();
      open();
    } catch {
      lost();
      later();
    }
  }

  function later() {
    retry = Math.min(retry + 1, 6);
    setTimeout(again, 1000 * 2 ** retry);
  }

  function open() {
    source = new EventSource(`api/v1/events?from=${encodeURIComponent(token)}`);
    source.addEventListener("news", news);
    source.addEventListener("pulse", pulse);
    source.addEventListener("reload", again);
    source.addEventListener("bye", lost); // the browser comes back by itself, until somebody answers
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return; // the browser comes back by itself
      lost(); // refused: too many, or not allowed
      later();
    });
  }

  setInterval(() => { if (Date.now() - heard > silence) lost(); }, 1000);
  broken();
  open();
})();
