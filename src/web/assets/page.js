// Refreshes, copies, confirms. Without it everything works by forms and links.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const POLL = 4000;
  const said = document.querySelector(".said");
  const lost = document.querySelector(".lost");
  let tag = null, seen = Date.now(), hush = 0, asking = false;

  const say = (text) => {
    clearTimeout(hush);
    const span = document.createElement("span");
    span.textContent = text;
    said.replaceChildren(span);
    hush = setTimeout(() => said.replaceChildren(), 4000);
  };

  const span = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 120) return s + " s";
    if (s < 7200) return Math.floor(s / 60) + " min";
    if (s < 172800) return Math.floor(s / 3600) + " h";
    return Math.floor(s / 86400) + " d";
  };
  const tick = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const ms = Date.now() - skew - Date.parse(time.dateTime);
      const text = ms < -999 ? "in " + span(-ms) : span(ms) + " ago";
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // The browser's clock may be wrong; the server's Date says by how much.
  let skew = 0;
  const clock = (answer) => {
    const date = Date.parse(answer.headers.get("date"));
    if (date && Math.abs(Date.now() - date) > 3000) skew = Date.now() - date;
  };

  // Makes what is shown into what came, touching only what differs: scroll, focus, open rows and typed text stay.
  const key = (node) => (node.nodeType === 1 && (node.dataset.key || node.id)) || null;
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
  const morph = (old, fresh) => {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (name === "value" && old.type !== "hidden") continue;
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    if (old.dataset.armed || old.nodeName === "TIME") return;
    let at = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      let match = at;
      while (match && !alike(match, wanted)) match = match.nextSibling;
      if (match && (match === at || key(wanted))) {
        if (match !== at) old.insertBefore(match, at); else at = at.nextSibling;
        morph(match, wanted);
      } else if (at && !key(at) && !key(wanted) && alike(at, wanted)) {
        const next = at.nextSibling;
        morph(at, wanted);
        at = next;
      } else {
        old.insertBefore(wanted, at);
      }
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  };

  const refresh = async () => {
    if (asking || document.hidden) return;
    asking = true;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 8000);
    try {
      const answer = await fetch(location.href, {
        headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store", signal: stop.signal, credentials: "same-origin",
      });
      clock(answer);
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        tag = answer.headers.get("etag");
        const log = document.querySelector("[data-log]");
        const follow = log && log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
        morph(document.querySelector("main"), page.querySelector("main"));
        const log2 = document.querySelector("[data-log]");
        if (follow && log2) log2.scrollTop = log2.scrollHeight;
        document.title = page.title;
        root.dataset.tone = page.documentElement.dataset.tone;
        document.querySelector("link[rel=icon]").href = page.querySelector("link[rel=icon]").href;
      } else if (answer.status !== 304) {
        throw new Error(String(answer.status));
      }
      seen = Date.now();
      lost.hidden = true;
    } catch {
      lost.querySelector("span").textContent = span(Date.now() - seen) + " ago";
      lost.hidden = false;
    } finally {
      clearTimeout(timer);
      asking = false;
      tick();
    }
  };

  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) {
      try { await navigator.clipboard.writeText(text); return true; } catch { /* asked and refused: the old way */ }
    }
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "hidden";
    document.body.append(area);
    area.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch { done = false; }
    area.remove();
    return done;
  };
  const show = (text) => {
    const box = document.createElement("dialog");
    box.innerHTML = "<p>Copy it from here:</p><textarea readonly aria-label='text to copy'></textarea><form method=dialog><button>Close</button></form>";
    box.querySelector("textarea").value = text;
    document.body.append(box);
    box.addEventListener("close", () => box.remove());
    box.showModal();
    box.querySelector("textarea").select();
  };

  document.addEventListener("click", async (event) => {
    const target = event.target.closest("[data-copy], [data-text], [data-confirm]");
    if (!target) return;
    if (target.dataset.confirm) {
      if (target.dataset.armed) return;
      event.preventDefault();
      const words = target.textContent;
      target.dataset.armed = "1";
      target.classList.add("sure");
      target.textContent = target.dataset.confirm;
      setTimeout(() => {
        delete target.dataset.armed;
        target.classList.remove("sure");
        target.textContent = words;
      }, 5000);
      return;
    }
    event.preventDefault();
    try {
      let text = target.dataset.text;
      if (!text) {
        const answer = await fetch(target.href, { credentials: "same-origin" });
        if (!answer.ok) throw new Error(String(answer.status));
        text = await answer.text();
      }
      if (await copy(text)) say("copied " + text.length.toLocaleString("en") + " characters"); else show(text);
    } catch {
      say("could not be copied: the server does not answer");
    }
  });

  // A page that waits for its form to be answered is not to be changed under it.
  document.addEventListener("submit", () => { asking = true; setTimeout(() => { asking = false; }, 10000); });
  document.addEventListener("visibilitychange", refresh);
  window.addEventListener("pageshow", () => { asking = false; });
  const log = document.querySelector("[data-log]");
  if (log) log.scrollTop = log.scrollHeight;
  // What is running is looked at twice as often.
  let turn = 0;
  const look = () => { if (++turn % 2 === 0 || document.querySelector("[data-live]")) refresh(); };
  if (!document.querySelector(".login, .refusal")) setInterval(look, POLL / 2);
  setInterval(tick, 1000);
})();
