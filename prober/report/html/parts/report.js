
// Filters, the drawer, copying. The page is whole without it: details open by themselves, links lead to them.
"use strict";
(() => {
  const form = document.getElementById("filter");
  const drawer = document.getElementById("drawer");
  let groups = null;

  function read() {
    return [...document.querySelectorAll(".group")].map((element) => ({
      element,
      rows: [...element.querySelector("table").tBodies[0].rows].map((row) => ({
        row,
        text: row.cells[0].textContent.toLowerCase(),
        causes: (row.dataset.c || "").split(" "),
        cells: [...row.cells].slice(1).map((cell) => cell.className && [cell.className, ...[...cell.getElementsByTagName("u")].map((each) => each.className)]),
      })),
    }));
  }

  const calm = new Set(["ok", "login"]);
  let column = "";

  function fits(row, filter) {
    if (filter.q && !row.text.includes(filter.q)) return false;
    if (filter.cause && !row.causes.includes(filter.cause)) return false;
    const cells = (filter.route ? [row.cells[filter.route]] : row.cells).filter(Boolean);
    if (!cells.length) return false;
    if (filter.state && !cells.some((signs) => signs.includes(filter.state))) return false;
    return !filter.broken || cells.some((signs) => signs.some((sign) => !calm.has(sign)));
  }

  function chosen() {
    const data = new FormData(form);
    const filter = Object.fromEntries([...data].map(([name, value]) => [name, String(value).trim()]));
    filter.q = (filter.q || "").toLowerCase();
    return filter;
  }

  function showColumn(wanted) {
    if (wanted === column) return;
    column = wanted;
    for (const line of document.querySelectorAll(".columns, .group > summary")) {
      line.querySelectorAll(".col").forEach((each, place) => { each.hidden = wanted !== "" && place !== Number(wanted); });
    }
    for (const row of document.querySelectorAll(".group tr")) {
      for (let place = 1; place < row.cells.length; place += 1) row.cells[place].hidden = wanted !== "" && place !== Number(wanted) + 1;
    }
  }

  function apply() {
    groups ??= read();
    const filter = chosen();
    const active = Object.values(filter).some(Boolean);
    let shown = 0;
    let all = 0;
    showColumn(filter.route || "");
    for (const { element, rows } of groups) {
      const taken = (!filter.service || filter.service === element.dataset.service) && (!filter.geography || filter.geography === element.dataset.geography);
      let inside = 0;
      for (const row of rows) {
        const visible = taken && fits(row, filter);
        if (row.row.hidden === visible) row.row.hidden = !visible;
        inside += visible ? 1 : 0;
      }
      all += rows.length;
      shown += inside;
      element.hidden = !inside;
      element.open = inside > 0 && (active || element.dataset.broken !== undefined);
    }
    document.getElementById("nothing").hidden = shown > 0;
    document.getElementById("count").textContent = `${shown} of ${all} targets`;
  }

  for (const each of document.querySelectorAll(".t")) {
    each.addEventListener("toggle", () => { if (each.open && !each.querySelector(".w")) each.querySelectorAll("[data-w]").forEach(bars); });
  }
  form.hidden = false;
  document.querySelector(".tools").hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("print").addEventListener("click", () => print());
  // On paper nothing can be opened: the names that a cause is about are printed.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll(".more:not([open])")];
    for (const each of unfolded) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of unfolded) each.open = false;
    unfolded = [];
  });
  document.getElementById("copy").addEventListener("click", async (event) => {
    const text = document.getElementById("summary");
    try {
      await navigator.clipboard.writeText(text.textContent);
      event.target.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      event.target.textContent = "Press Ctrl+C";
    }
  });

  // One target in a drawer: a copy of its article, without the names that may stand in a document once only.
  let opener = null;

  // Stages as bars, one after another: "c2.8n24.1" is 2.8 % of connecting and 24.1 % of the way through.
  const kinds = { d: "dns", c: "connect", t: "tls", n: "negotiate", h: "http", r: "rest", f: "failed" };

  function element(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [each, value] of Object.entries(attributes)) made.setAttribute(each, value);
    return made;
  }

  function bars(cell) {
    const picture = element("svg", { class: "w", "aria-hidden": "true" });
    let begun = 0;
    for (const [, kind, width] of cell.dataset.w.matchAll(/([a-z])([\d.]+)/g)) {
      picture.append(element("rect", { class: kinds[kind], x: `${Math.min(begun, 100 - width)}%`, width: `${width}%` }));
      begun += Number(width);
    }
    cell.prepend(picture);
  }

  function draw(id, route) {
    const article = document.getElementById(id);
    if (!article) return;
    const copy = article.cloneNode(true);
    copy.removeAttribute("id");
    copy.setAttribute("aria-labelledby", "drawn-title");
    const title = copy.querySelector("h3");
    title.id = "drawn-title";
    copy.querySelectorAll("[data-w]").forEach(bars);
    document.getElementById("drawn").replaceChildren(copy);
    document.getElementById("permalink").href = `#${id}`;
    if (!drawer.open) drawer.showModal();
    drawer.scrollTop = 0;
    title.focus({ preventScroll: true });
    const line = route && [...copy.querySelectorAll(".over tbody th")].find((each) => each.firstChild.textContent === route);
    if (line) {
      line.parentElement.classList.add("asked");
      line.scrollIntoView({ block: "nearest" });
    }
    history.replaceState(null, "", `#${id}`);
  }

  function asked(hash) {
    return /^#t\d+$/.test(hash) ? hash.slice(1) : "";
  }

  document.addEventListener("click", (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("a");
    const cell = event.target.closest(".group td");
    if (link && link.dataset.cause) {
      event.preventDefault();
      form.reset();
      form.elements.cause.value = link.dataset.cause;
      apply();
      document.getElementById("matrix").scrollIntoView();
      document.getElementById("matrix").focus({ preventScroll: true });
    } else if (link && link.closest(".group th")) {
      event.preventDefault();
      opener = link;
      draw(asked(link.hash), "");
    } else if (cell && cell.className) {
      opener = cell.parentElement.querySelector("th a");
      draw(asked(opener.hash), document.querySelectorAll(".columns .col")[cell.cellIndex - 1].textContent);
    } else if (link && drawer.contains(link) && /^#c\d+$/.test(link.hash)) {
      opener = null;
      drawer.close();
    } else if (event.target === drawer || event.target.id === "close") {
      drawer.close();
    }
  });
  drawer.addEventListener("close", () => {
    document.getElementById("drawn").replaceChildren();
    if (asked(location.hash)) history.replaceState(null, "", "#matrix");
    if (opener) opener.focus();
  });
  window.addEventListener("hashchange", () => { if (asked(location.hash)) draw(asked(location.hash), ""); });
  if (asked(location.hash)) draw(asked(location.hash), "");
})();
