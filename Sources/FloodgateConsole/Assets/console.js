// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"use strict";

// The live part of the console. Everything else works without this file.

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function cell(child, className) {
  const node = element("td", className);
  node.append(child);
  return node;
}

function eventRow(event, full) {
  const row = element("tr", "new");
  const name = event.href ? element("a", "", event.name) : document.createTextNode(event.name);
  if (event.href) name.href = event.href;
  const what = cell(name, "what");
  row.append(what);
  what.append(element("span", full ? "sub narrow" : "sub", event.unit));
  if (full) row.append(cell(event.unit, "unit wide"), cell(event.kind, "wide"), cell(element("code", "", event.rule), "wide"), cell(event.reason, "wide reason"));
  row.append(cell(element("span", "badge " + event.valueClass, event.value)));
  const time = element("time", "", event.clock);
  time.dateTime = event.machine;
  time.title = event.exact;
  row.append(cell(time, "number"));
  return row;
}

function followLive(panel) {
  const rows = panel.querySelector("[data-live-rows]");
  const state = panel.querySelector("[data-live-state]");
  const empty = panel.querySelector("[data-live-empty]");
  const pause = panel.querySelector("[data-live-pause]");
  const limit = Number(panel.dataset.limit) || 100;
  const full = rows.hasAttribute("data-full");
  const dropped = panel.querySelector("[data-live-dropped]");
  let missed = 0;
  let held = [];
  let paused = false;
  let source = null;
  let retry = 0;

  function say(text, className) {
    if (state.textContent !== text) state.textContent = text;
    panel.classList.remove("connected", "disconnected", "paused");
    panel.classList.add(className);
  }

  function show(events) {
    if (events.length === 0) return;
    empty.hidden = true;
    const fresh = document.createDocumentFragment();
    for (const event of events.slice(-limit).reverse()) fresh.append(eventRow(event, full));
    rows.prepend(fresh);
    while (rows.rows.length > limit) rows.deleteRow(-1);
  }

  function describe() {
    if (paused) say(held.length ? "Paused, " + held.length + " waiting" : "Paused", "paused");
    else say("Connected", "connected");
  }

  function connect() {
    clearTimeout(retry);
    source = new EventSource(panel.dataset.live);
    source.onopen = describe;
    source.onmessage = (message) => {
      const events = JSON.parse(message.data);
      if (paused) held = held.concat(events).slice(-limit);
      else show(events);
      describe();
    };
    source.addEventListener("dropped", (message) => {
      missed += Number(message.data);
      dropped.textContent = missed + " not shown";
      dropped.title = "More arrive than a page can show; all of them are kept.";
      dropped.hidden = false;
    });
    source.onerror = () => {
      say("Disconnected, trying again", "disconnected");
      // The browser gives up for good on some answers; then it is up to this page.
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(connect, 2000);
    };
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    if (!paused) {
      show(held);
      held = [];
    }
    describe();
  });
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (shown) => { if (shown.persisted) connect(); });
  say("Connecting", "paused");
  connect();
}

// Keeps a part of the page fresh by asking for the page again, without a jump of the view or of the focus.
function refreshPage(part) {
  const bar = document.querySelector("[data-refresh-bar]");
  const state = bar.querySelector("[data-refresh-state]");
  const pause = bar.querySelector("[data-refresh-pause]");
  const summary = () => part.querySelector("[data-refresh-summary]");
  // Read out when it changes; the tables below are not.
  const spoken = element("p", "hidden");
  spoken.setAttribute("role", "status");
  bar.after(spoken);
  let paused = false;
  let timer = 0;

  function say(text, className) {
    state.textContent = text;
    bar.classList.remove("connected", "disconnected", "paused");
    bar.classList.add(className);
  }

  async function load() {
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-refresh]");
      if (paused) return;
      // Not under the hands of somebody who selects a text in it.
      const selection = getSelection();
      if (selection.isCollapsed || !part.contains(selection.anchorNode)) {
        const old = summary().textContent;
        part.replaceChildren(...fresh.childNodes);
        if (summary().textContent !== old) spoken.textContent = summary().textContent;
        say(page.querySelector("[data-refresh-state]").textContent, "connected");
      }
    } catch {
      if (!paused) say("Disconnected, trying again", "disconnected");
    }
  }

  async function follow() {
    clearTimeout(timer);
    if (!document.hidden) await load();
    if (!paused) timer = setTimeout(follow, 5000);
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    clearTimeout(timer);
    if (paused) say("Paused", "paused");
    else follow();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) follow(); });
  bar.classList.add("connected");
  timer = setTimeout(follow, 5000);
}

// What the last action came to is shown once, not again when the page is loaded again.
if (new URLSearchParams(location.search).has("done")) history.replaceState(null, "", location.pathname);

for (const panel of document.querySelectorAll("[data-live]")) followLive(panel);

for (const part of document.querySelectorAll("[data-refresh]")) refreshPage(part);

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
