
// Filters, copying, printing. The page is whole without it: lists of pairs open by themselves.
"use strict";
(() => {
  const form = document.getElementById("filter");
  const paragraph = document.getElementById("summary");

  const causes = [...document.querySelectorAll(".cause")].map((element) => ({
    element,
    list: element.querySelector(".pairs"),
    wasOpen: !!element.querySelector(".pairs[open]"),
    rows: [...element.querySelectorAll(".pairs tbody tr")].map((row) => ({
      row,
      text: `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase(),
    })),
  }));

  function apply() {
    const data = new FormData(form);
    const filter = Object.fromEntries([...data].map(([name, value]) => [name, String(value).trim()]));
    const text = (filter.q || "").toLowerCase();
    const narrowed = text || filter.egress || filter.service;
    let shown = 0;
    let all = 0;
    let visible = 0;
    for (const { element, list, wasOpen, rows } of causes) {
      const taken = (!filter.severity || filter.severity === element.dataset.severity) && (!filter.kind || filter.kind === element.dataset.kind);
      let inside = 0;
      for (const { row, text: words } of rows) {
        const fits = taken && (!text || words.includes(text)) && (!filter.egress || filter.egress === row.dataset.e) && (!filter.service || filter.service === row.dataset.s);
        if (row.hidden === fits) row.hidden = !fits;
        inside += fits ? 1 : 0;
      }
      all += rows.length;
      shown += inside;
      // Pairs that are not listed may fit too: such a cause stays.
      element.hidden = !taken || (!inside && element.dataset.more === undefined);
      visible += element.hidden ? 0 : 1;
      if (list) list.open = narrowed ? inside > 0 : wasOpen;
    }
    document.getElementById("nothing").hidden = visible > 0;
    document.getElementById("count").textContent = `${visible} of ${causes.length} causes, ${shown} of ${all} pairs`;
  }

  document.querySelector(".tools").hidden = false;
  if (form) {
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }
  document.getElementById("print").addEventListener("click", () => print());
  // On paper nothing can be opened.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll(".pairs:not([open])")];
    for (const each of unfolded) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of unfolded) each.open = false;
    unfolded = [];
  });
  document.getElementById("copy").addEventListener("click", async (event) => {
    try {
      await navigator.clipboard.writeText(paragraph.textContent);
      event.target.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(paragraph);
      event.target.textContent = "Press Ctrl+C";
    }
  });
})();
