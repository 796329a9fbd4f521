// What makes the console quicker to use. Every page works without it: links are links, forms are forms, and each chart
// has its table. It stores nothing and asks nobody but this console.
(function () {
  "use strict";

  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const locale = navigator.language || "en";

  // numbers, money and times as the reader writes them
  const number = new Intl.NumberFormat(locale);
  const exact = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  const STEPS = [[60, "second"], [3600, "minute"], [86400, "hour"], [2592000, "day"], [31536000, "month"], [Infinity, "year"]];

  function ago(instant) {
    const seconds = (instant - Date.now()) / 1000;
    let unit = 1;
    for (const [limit, name] of STEPS) {
      if (Math.abs(seconds) < limit) return relative.format(Math.round(seconds / unit), name);
      unit = limit;
    }
    return "";
  }

  function localise(root) {
    for (const data of all("data.count[value]", root)) data.textContent = number.format(data.value);
    for (const data of all("data.amount[value]", root)) {
      const money = new Intl.NumberFormat(locale, { style: "currency", currency: data.dataset.currency });
      data.textContent = money.format(data.value);
    }
    for (const time of all("time[datetime]", root)) {
      const instant = new Date(time.dateTime);
      if (isNaN(instant)) continue;
      if (time.dateTime.length > 10) time.title = exact.format(instant);
      if (time.classList.contains("ago")) time.textContent = ago(instant);
    }
  }

  // charts, drawn from their tables: the first column is the time, each further one a line
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function read(table) {
    const headings = all("thead th", table).slice(1).map((th) => ({
      label: th.textContent.trim(), kind: th.dataset.kind || "human", currency: th.dataset.currency,
    }));
    const rows = all("tbody tr", table).reverse();
    const columns = [rows.map((row) => Date.parse(row.cells[0].querySelector("time").dateTime) / 1000)];
    headings.forEach((_, at) => columns.push(rows.map((row) => {
      const data = row.cells[at + 1].querySelector("data");
      return data ? Number(data.value) : null;
    })));
    return { headings, columns };
  }

  function serie(heading) {
    const accent = style("--accent"), program = style("--program");
    const written = (plot, value) => value === null ? "–" : heading.currency
      ? new Intl.NumberFormat(locale, { style: "currency", currency: heading.currency }).format(value)
      : number.format(value);
    const looks = {
      human: { stroke: accent, width: 2, fill: style("--accent-wash") },
      filtered: { stroke: program, width: 2 },
      before: { stroke: style("--ink-3"), width: 1, dash: [4, 4] },
      money: { stroke: style("--good"), width: 2 },
    };
    return Object.assign({ label: heading.label, value: written, points: { show: false } }, looks[heading.kind] || looks.human);
  }

  // the marks of the axis: a year only where it begins, hours only where a day is cut into them
  const dated = (options) => new Intl.DateTimeFormat(locale, Object.assign({ timeZone: "UTC" }, options));
  const marks = {
    hour: dated({ hour: "numeric", minute: "2-digit" }), day: dated({ day: "numeric", month: "short" }),
    month: dated({ month: "short" }), year: dated({ year: "numeric" }),
  };

  function mark(ts, step) {
    const at = new Date(ts * 1e3);
    if (step < 86400 && at.getUTCHours() + at.getUTCMinutes() > 0) return marks.hour.format(at);
    if (step < 28 * 86400) return marks.day.format(at);
    return (at.getUTCMonth() === 0 ? marks.year : marks.month).format(at);
  }

  const heads = {
    hour: dated({ dateStyle: "medium", timeStyle: "short" }), day: dated({ dateStyle: "medium" }),
    week: dated({ dateStyle: "medium" }), month: dated({ month: "long", year: "numeric" }),
  };

  // what was counted by day has no hours between its marks
  const DAYS = [1, 2, 3, 4, 5, 7, 10, 15, 30, 60, 90, 180, 365].map((days) => days * 86400);

  function draw(figure) {
    const table = document.getElementById(figure.dataset.table);
    if (!table || !window.uPlot) return;
    const { headings, columns } = read(table);
    if (columns[0].length === 0) return;
    const grid = { stroke: style("--rule"), width: 1 }, ticks = { show: false };
    const axis = { stroke: style("--ink-3"), font: "12px Plex, system-ui", grid, ticks };
    const short = new Intl.NumberFormat(locale, { notation: "compact" });
    const head = heads[figure.dataset.by] || heads.day;
    const width = () => figure.clientWidth || 600;
    const series = headings.map(serie);
    // One bucket is no line: it is shown as a point.
    if (columns[0].length === 1) series.forEach((line) => { line.points = { show: true, size: 7 }; });
    figure.textContent = "";
    const plot = new window.uPlot({
      width: width(), height: 240,
      tzDate: (ts) => window.uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
      cursor: { points: { size: 7 }, drag: { x: true, y: false } },
      scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [
        Object.assign({}, axis, figure.dataset.by === "hour" ? {} : { incrs: DAYS }, { grid: { show: false }, values: (_, list, __, ___, step) => list.map((ts) => mark(ts, step)) }),
        Object.assign({}, axis, { size: 48, values: (_, list) => list.map((v) => short.format(v)) }),
      ],
      series: [{ label: "", value: (_, ts) => ts === null ? "" : head.format(ts * 1e3) }].concat(series),
    }, columns, figure);
    new ResizeObserver(() => plot.setSize({ width: width(), height: 240 })).observe(figure);
  }

  // sheets: a page's [data-sheet] that htmx put into the dialog
  const dialog = document.getElementById("dialog");

  function opened() {
    const close = document.createElement("button");
    close.className = "close"; close.type = "button"; close.textContent = "×";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => dialog.close());
    dialog.querySelector("#sheet").prepend(close);
    if (!dialog.open) dialog.showModal();
  }

  if (dialog) dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // what one press does once: copying, menus, uploads, the second submit of one form
  document.addEventListener("click", (event) => {
    for (const menu of all("details.menu[open], details.custom[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const copy = event.target.closest("[data-copy]");
    if (!copy || !navigator.clipboard) return;
    navigator.clipboard.writeText(copy.dataset.copy).then(() => {
      const label = copy.textContent;
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = label; }, 1500);
    });
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) { event.preventDefault(); return; }
    if (form.method === "dialog" || event.defaultPrevented) return;
    setTimeout(() => all("button:not([type=button])", form).forEach((button) => { button.disabled = true; }));
  });

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) all("button[disabled]").forEach((button) => { button.disabled = false; });
  });

  // The answer to a refused upload is the same page with what is wrong: it takes this one's place.
  function refused(html) {
    const main = document.getElementById("main");
    main.replaceWith(new DOMParser().parseFromString(html, "text/html").getElementById("main"));
    settle(document.getElementById("main"));
  }

  function upload(form) {
    const bar = form.querySelector("progress");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const request = new XMLHttpRequest();
      request.open("POST", form.action);
      bar.hidden = false;
      request.upload.onprogress = (step) => { if (step.lengthComputable) bar.value = step.loaded / step.total; };
      request.onload = () => {
        if (request.responseURL && request.status < 400) location.assign(request.responseURL);
        else refused(request.responseText);
      };
      request.onerror = () => { bar.hidden = true; form.submit(); };
      request.send(new FormData(form));
    });
  }

  // keys: / searches, ? lists the keys, g and a letter goes somewhere
  let leading = false;
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") all("details.menu[open], details.custom[open]").forEach((menu) => { menu.open = false; });
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (leading) {
      leading = false;
      const there = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (there) { event.preventDefault(); there.click(); }
      return;
    }
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    } else if (event.key === "?") {
      const keys = document.getElementById("keys");
      if (keys && !keys.open) keys.showModal();
    } else if (event.key === "g") {
      leading = true;
      setTimeout(() => { leading = false; }, 1200);
    }
  });

  // what was just done is said once: a reload does not say it again
  const toast = document.querySelector(".toast");
  if (toast) {
    const here = new URL(location.href);
    here.searchParams.delete("done");
    here.searchParams.delete("of");
    history.replaceState(null, "", here);
    setTimeout(() => { if (!toast.matches(":hover, :focus-within")) toast.remove(); }, 8000);
  }

  function settle(root) {
    localise(root);
    all("figure.chart[data-table]", root).forEach(draw);
    all("form[data-upload]", root).forEach(upload);
  }

  // what somebody works in is not replaced under their hands
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const { target, requestConfig } = event.detail;
    const isFresh = requestConfig.triggeringEvent === undefined || requestConfig.triggeringEvent === null;
    if (isFresh && (target.querySelector("details[open]") || target.matches(":focus-within"))) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "sheet") opened();
  });
  document.body.addEventListener("htmx:load", (event) => settle(event.detail.elt));
  settle(document);
  setInterval(() => { for (const time of all("time.ago")) time.textContent = ago(new Date(time.dateTime)); }, 30000);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all("figure.chart[data-table]").forEach(draw));
})();
