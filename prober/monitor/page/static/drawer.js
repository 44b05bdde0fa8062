// One pair in a drawer beside the matrix. Without it the same link leads to a page of its own.
"use strict";
(() => {
  const drawer = document.getElementById("drawer");
  let opener = null;
  let timer = 0;
  let shown = "";
  let asked = 0;

  function copyButtons(within) {
    for (const button of within.querySelectorAll("button[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const line = button.parentElement.querySelector("pre");
        try {
          await navigator.clipboard.writeText(line.textContent);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(line);
          button.textContent = "Press Ctrl+C";
        }
      });
    }
  }

  copyButtons(document);
  if (!drawer) return;

  function bar(href) {
    const line = document.createElement("div");
    line.className = "drawer-bar";
    const link = document.createElement("a");
    link.href = href;
    link.textContent = "Open as a page";
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "Close";
    close.addEventListener("click", () => drawer.close());
    line.append(link, close);
    return line;
  }

  async function part(href, etag) {
    const address = new URL(href, document.baseURI);
    address.hash = "";
    address.searchParams.set("part", "1");
    const answer = await fetch(address, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
    if (answer.status === 304) return null;
    if (!answer.ok && answer.status !== 404) throw new Error(`status ${answer.status}`);
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    return { content: parsed.querySelector("article.pair, main") || parsed.body, etag: answer.headers.get("ETag") };
  }

  function fill(href, content) {
    const opened = [...drawer.querySelectorAll("details.probe")].map((each) => [each.querySelector("time").dateTime, each.open]);
    drawer.replaceChildren(bar(href), document.adoptNode(content));
    for (const each of drawer.querySelectorAll("details.probe")) {
      const before = opened.find(([at]) => at === each.querySelector("time").dateTime);
      if (before) each.open = before[1];
    }
    copyButtons(drawer);
    window.prober.refresh(drawer);
  }

  async function show(href, record) {
    const number = ++asked;
    let found;
    try {
      found = await part(href, "");
    } catch {
      location.assign(href);
      return;
    }
    if (number !== asked) return;
    shown = href;
    fill(href, found.content);
    drawer.scrollTop = 0;
    if (!drawer.open) drawer.showModal();
    const title = drawer.querySelector("h1");
    if (title) title.focus({ preventScroll: true });
    const anchor = new URL(href, document.baseURI).hash;
    if (anchor) drawer.querySelector(anchor)?.scrollIntoView();
    if (record && !history.state?.drawer) history.pushState({ drawer: true }, "", href);
    else if (record) history.replaceState({ drawer: true }, "", href);
    follow(found.etag);
  }

  // While it is open: what is new about the pair, asked for every few seconds; mostly the answer is "nothing".
  function follow(etag) {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      let next = etag;
      const number = asked;
      try {
        const found = await part(shown, etag);
        if (found && drawer.open && number === asked) {
          const place = drawer.scrollTop;
          const focused = drawer.contains(document.activeElement) ? [...drawer.querySelectorAll("a, button, summary, pre")].indexOf(document.activeElement) : -1;
          fill(shown, found.content);
          drawer.scrollTop = place;
          if (focused >= 0) drawer.querySelectorAll("a, button, summary, pre")[focused]?.focus({ preventScroll: true });
          next = found.etag;
        }
      } catch { /* the page says itself that it is not live */ }
      if (drawer.open && number === asked) follow(next);
    }, 5000);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-drawer]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    if (!drawer.open) opener = link.closest("td.cell")?.id || link;
    show(link.href, true);
  });
  drawer.addEventListener("click", (event) => { if (event.target === drawer) drawer.close(); });
  drawer.addEventListener("close", () => {
    clearTimeout(timer);
    asked += 1;
    drawer.replaceChildren();
    if (history.state?.drawer) history.back();
    const back = typeof opener === "string" ? document.getElementById(opener)?.querySelector("a") : opener;
    if (back?.isConnected) back.focus({ preventScroll: true });
  });
  window.addEventListener("popstate", () => {
    if (history.state?.drawer) show(location.href, false);
    else if (drawer.open) drawer.close();
  });
})();
