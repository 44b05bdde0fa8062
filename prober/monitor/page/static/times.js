// Ages and the clock, by the server's clock: this machine's may be wrong. Ages are worded as prober/monitor/page/times.py does.
"use strict";
(() => {
  let ahead = Date.parse(document.body.dataset.now) - Date.now();

  function age(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 60) return "<1 min";
    if (whole < 3600) return `${Math.floor(whole / 60)} min`;
    if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h`;
    return `${Math.floor(whole / 86400)} d`;
  }

  function exact(moment) {
    return `${new Date(moment).toISOString().slice(0, 19).replace("T", " ")}Z`;
  }

  function refresh(within = document) {
    const now = Date.now() + ahead;
    for (const element of within.querySelectorAll("time[data-age]")) {
      const text = age((now - Date.parse(element.dateTime)) / 1000);
      if (element.textContent !== text) element.textContent = text;
    }
  }

  function tick() {
    const clock = document.querySelector("time[data-clock]");
    const now = Date.now() + ahead;
    clock.textContent = exact(now);
    clock.dateTime = new Date(now).toISOString();
  }

  tick();
  setInterval(tick, 1000);
  setInterval(refresh, 10000);
  window.prober = {
    age,
    exact,
    refresh,
    now: () => Date.now() + ahead,
    setClock: (instant) => { ahead = Date.parse(instant) - Date.now(); },
  };
})();
