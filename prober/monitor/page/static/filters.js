// The filter at once, without asking the server; it leaves out exactly what prober/monitor/page/filters.py would.
// Also: arrow keys in the matrix.
"use strict";
(() => {
  const form = document.getElementById("filter");
  const fields = ["q", "service", "geography", "route", "state"];

  function chosen() {
    const data = new FormData(form);
    return Object.fromEntries(fields.map((name) => [name, (data.get(name) || "").trim()]));
  }

  function routes() {
    return [...document.querySelectorAll(".columns .col")].map((each) => each.dataset.route);
  }

  function fits(row, filter, columns) {
    if (filter.q && !row.dataset.text.includes(filter.q.toLowerCase())) return false;
    const cells = columns.map((place) => row.cells[place + 1]).filter((cell) => cell.dataset.marks !== undefined);
    if (!cells.length) return false;
    return !filter.state || cells.some((cell) => cell.dataset.marks.split(" ").includes(filter.state));
  }

  // Shows and hides. `asked`: somebody has just changed the filter, so groups open to show what was found.
  function apply(asked) {
    const filter = chosen();
    const active = fields.some((name) => filter[name]);
    const columns = routes().flatMap((name, place) => (!filter.route || name === filter.route ? [place] : []));
    let shown = 0;
    let all = 0;
    for (const group of document.querySelectorAll(".group")) {
      const taken = (!filter.service || filter.service === group.dataset.service) && (!filter.geography || filter.geography === group.dataset.geography);
      let inside = 0;
      for (const row of group.querySelectorAll("tbody tr")) {
        const visible = taken && fits(row, filter, columns);
        row.hidden = !visible;
        inside += visible ? 1 : 0;
        all += 1;
      }
      group.hidden = !inside;
      shown += inside;
      if (asked) group.open = inside > 0 && (active || group.dataset.broken !== undefined);
    }
    for (const line of document.querySelectorAll(".columns, .group > summary, .group tr")) {
      const cells = line.matches("tr") ? [...line.cells].slice(1) : line.querySelectorAll(".col");
      cells.forEach((cell, place) => { cell.hidden = !columns.includes(place); });
    }
    document.getElementById("nothing").hidden = shown > 0;
    document.getElementById("clear").hidden = !active;
    const count = document.getElementById("count");
    const text = `${shown} of ${all} targets`;
    if (count.textContent !== text) count.textContent = text;
  }

  function address() {
    const filter = chosen();
    const query = new URLSearchParams(fields.filter((name) => filter[name]).map((name) => [name, filter[name]]));
    return query.size ? `./?${query}` : "./";
  }

  function set(query) {
    for (const name of fields) {
      const field = form.elements[name];
      field.value = query.get(name) || "";
      if (field.value !== (query.get(name) || "")) field.value = "";
    }
  }

  function changed() {
    apply(true);
    history.replaceState(history.state, "", address());
  }

  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => { event.preventDefault(); changed(); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-filter], #clear, #nothing a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    set(new URL(link.href).searchParams);
    changed();
    document.getElementById("matrix").scrollIntoView();
  });

  // Up and down go to the same column of the next row that is shown; left and right along the row.
  document.getElementById("groups").addEventListener("keydown", (event) => {
    const cell = event.target.closest("td.cell");
    if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
    const step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    let next = cell;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      do next = step < 0 ? next.previousElementSibling : next.nextElementSibling;
      while (next && (next.hidden || !next.querySelector("a")));
    } else {
      const rows = [...document.querySelectorAll(".group[open]:not([hidden]) tbody tr:not([hidden])")];
      const row = rows[rows.indexOf(cell.parentElement) + step];
      next = row && row.cells[cell.cellIndex];
    }
    const link = next && next.querySelector("a");
    if (link) { event.preventDefault(); link.focus(); }
  });

  Object.assign(window.prober, { applyFilter: apply, filterAddress: address });
  apply(false);
})();
