// Refreshes, copies, confirms. Without it everything works by forms and links.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const POLL = 4000;
  const said = document.querySelector(".said");
  const lost = document.querySelector(".lost");
  const home = document.querySelector(".mark").pathname;
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

  // What is guarded, or was changed under the reader, wants a second tap within five seconds.
  const armed = new Map();
  const disarm = (button) => {
    const was = armed.get(button);
    if (!was) return;
    clearTimeout(was.timer);
    armed.delete(button);
    button.classList.remove("sure");
    button.textContent = was.words;
  };
  const arm = (button, words) => {
    armed.set(button, { words: button.textContent, timer: setTimeout(disarm, 5000, button) });
    button.classList.add("sure");
    button.textContent = words;
  };

  // The plans that were shown, by the form's address or by the ID that is ticked, and those that changed since.
  const plans = new Map(), changed = new Set();
  const planOf = (field) => field.name === "pick" ? field.value.split(" ") : [field.form.getAttribute("action"), field.value];
  const settle = () => {
    for (const field of document.querySelectorAll("[name=digest], [name=pick]")) {
      const [of, digest] = planOf(field);
      if (plans.has(of) && plans.get(of) !== digest) {
        changed.add(of);
        field.checked = false;
        field.form.querySelectorAll("button").forEach(disarm);
        say("a plan changed: read it again");
      }
      plans.set(of, digest);
      field.closest(".whole, .pick").querySelector("[data-changed]").hidden = !changed.has(of);
    }
    const button = document.querySelector("[data-several]");
    if (button && !armed.has(button)) button.textContent = several();
  };
  const several = () => {
    const deeds = [...document.querySelectorAll(".pick :checked")].map((p) => p.closest("label").querySelector("strong").textContent);
    const named = deeds.length > 4 ? [...deeds.slice(0, 3), deeds.length - 3 + " more"] : deeds;
    return deeds.length ? `Approve ${deeds.length}: ${named.join(", ")}` : "Approve what is ticked";
  };

  // Makes what is shown into what came, touching only what differs: scroll, focus, open rows and typed text stay.
  const key = (node) => (node.nodeType === 1 && (node.dataset.key || node.id || node.getAttribute("action"))) || null;
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
  const morph = (old, fresh) => {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (armed.has(old) || "changed" in old.dataset) return;
    // A plan that was loaded into its row stays there; where it is another one now, that is loaded.
    if (fresh.dataset.later && !old.dataset.later) {
      if (old.dataset.plan !== fresh.dataset.plan) load(old, fresh.dataset.later);
      return;
    }
    const typed = old.nodeName === "INPUT" && !["hidden", "checkbox"].includes(old.type);
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (name === "value" && typed) continue;
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    if (old.nodeName === "TIME") return;
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

  const parse = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");
  const load = async (plan, url) => {
    try {
      const answer = await fetch(url, { cache: "no-store", credentials: "same-origin" });
      const whole = answer.ok && (await parse(answer)).querySelector("[data-plan]");
      if (!whole) return;
      morph(plan, whole);
      settle();
    } catch { /* the link is still there, and the next refresh says what is wrong */ }
  };

  const lose = (words, name, to) => {
    const [why, link, age] = lost.children;
    if (why.textContent !== words) why.textContent = words;
    link.hidden = !name;
    if (name) { link.textContent = name; link.href = to; }
    age.textContent = span(Date.now() - seen) + " ago";
    lost.hidden = false;
  };
  // Returns what a refusal says, in the server's own words.
  const words = (answer, page) => (page.querySelector("main h1") || { textContent: answer.statusText }).textContent;
  const refused = (answer, page) => {
    const login = home + "login?next=" + encodeURIComponent(location.pathname);
    if (answer.status === 404) lose("This is no longer there.", "Overview", home);
    else if (answer.status === 401) lose("You are logged out.", "Log in", login);
    else lose(`The server answers ${answer.status}: ${words(answer, page).toLowerCase()}.`);
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
      const page = answer.status === 304 ? null : await parse(answer);
      if (page && !answer.ok) return refused(answer, page);
      if (page) {
        tag = answer.headers.get("etag");
        const log = document.querySelector("[data-log]");
        const follow = log && log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
        for (const part of ["header", "main"]) morph(document.querySelector(part), page.querySelector(part));
        settle();
        const log2 = document.querySelector("[data-log]");
        if (follow && log2) log2.scrollTop = log2.scrollHeight;
        document.title = page.title;
        root.dataset.tone = page.documentElement.dataset.tone;
        document.querySelector("link[rel=icon]").href = page.querySelector("link[rel=icon]").href;
      }
      seen = Date.now();
      lost.hidden = true;
    } catch {
      lose("The server does not answer.");
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
  const commands = (button) => {
    const plan = button.closest(".digest").previousElementSibling;
    return [...plan.querySelectorAll("ol:not(.back) code")].map((code) => code.textContent).join(" && ");
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    const field = button && button.form && button.form.querySelector("[name=digest]");
    const other = field && changed.has(planOf(field)[0]);
    if (button && (other || "confirm" in button.dataset)) {
      if (armed.has(button)) return;
      event.preventDefault();
      if (!("several" in button.dataset)) arm(button, button.dataset.confirm || "Tap again: " + button.textContent);
      else if (document.querySelector(".pick :checked")) arm(button, "Tap again: a" + several().slice(1));
      else say("tick what you want to approve");
      return;
    }
    const target = event.target.closest("[data-copy], [data-commands]");
    if (!target) return;
    event.preventDefault();
    let why = "the server does not answer";
    try {
      let text = target.href ? null : commands(target);
      if (target.href) {
        const answer = await fetch(target.href, { credentials: "same-origin" });
        if (!answer.ok) why = "the server answers " + answer.status;
        text = answer.ok && await answer.text();
      }
      if (!text) throw new Error(why);
      if (await copy(text)) say("copied " + text.length.toLocaleString("en") + " characters"); else show(text);
    } catch {
      say("could not be copied: " + why);
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.name !== "pick") return;
    disarm(document.querySelector("[data-several]"));
    settle();
  });
  document.addEventListener("toggle", (event) => {
    const later = event.target.open && event.target.querySelector(":scope > .inside > [data-later]");
    if (later) load(later, later.dataset.later);
  }, true);
  // A page that waits for its form to be answered is not to be changed under it, and a form is sent once.
  const sent = new Set();
  const rest = () => { asking = false; sent.clear(); };
  document.addEventListener("submit", (event) => {
    if (sent.has(event.target)) { event.preventDefault(); return; }
    sent.add(event.target);
    asking = true;
    setTimeout(rest, 10000);
  });
  document.addEventListener("visibilitychange", refresh);
  window.addEventListener("pageshow", rest);
  const log = document.querySelector("[data-log]");
  if (log) log.scrollTop = log.scrollHeight;
  settle();
  // What is running is looked at twice as often.
  let turn = 0;
  const look = () => { if (++turn % 2 === 0 || document.querySelector("[data-live]")) refresh(); };
  if (!document.querySelector(".login, .refusal")) setInterval(look, POLL / 2);
  setInterval(tick, 1000);
})();
