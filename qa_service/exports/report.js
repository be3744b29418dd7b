"use strict";
(() => {
  const PER_PAGE = 50;
  const TYPING_MS = 150;
  const COPIED_MS = 2000;
  const list = document.getElementById("mails");
  const form = document.getElementById("filters");
  const bar = document.getElementById("bar");
  const count = document.getElementById("count");
  const told = document.getElementById("told");
  const [before, after] = ["before", "after"].map((id) => document.getElementById(id));
  /** @type {HTMLElement[]} All mails, what needs a person first, as the report lists them. */
  const mails = [...list.children];
  /** @type {Map<HTMLElement, string>} What a mail is searched in; made at the first search. */
  const texts = new Map();
  const orders = {
    need: null,
    least: (a, b) => Number(a.dataset.least) - Number(b.dataset.least),
    newest: (a, b) => Number(b.dataset.date) - Number(a.dataset.date),
  };
  let order = "need";
  let sorted = mails;
  let found = mails;
  let shown = [];
  let page = 0;

  /** Lower case without accents, so that "extension" finds "Extensión". */
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  /** @param {HTMLElement} mail */
  function textOf(mail) {
    if (!texts.has(mail)) {
      const parts = [...mail.querySelectorAll("[data-find]")].map((part) => part.textContent);
      texts.set(mail, fold(parts.join("\n")));
    }
    return texts.get(mail);
  }

  /** Show one page of what was found. Only mails of the last page and of this one are touched. */
  function show(number) {
    const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
    page = Math.min(Math.max(number, 0), pages - 1);
    for (const mail of shown) mail.hidden = true;
    shown = found.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
    for (const mail of shown) mail.hidden = false;
    const first = page * PER_PAGE + 1;
    const range = pages > 1 ? `, ${first.toLocaleString("en")} to ${(first + shown.length - 1).toLocaleString("en")} shown` : "";
    count.textContent = `${found.length.toLocaleString("en")} of ${mails.length.toLocaleString("en")} mails${range}`;
    before.disabled = page === 0;
    after.disabled = page === pages - 1;
    before.hidden = after.hidden = pages === 1;
  }

  function filter() {
    const data = new FormData(form);
    const statuses = new Set(data.getAll("status"));
    const outcome = data.get("outcome");
    const words = fold(data.get("search")).split(/\s+/).filter(Boolean);
    if (data.get("order") !== order) {
      order = data.get("order");
      sorted = orders[order] ? [...mails].sort(orders[order]) : mails;
      list.append(...sorted);
    }
    found = sorted.filter((mail) =>
      statuses.has(mail.dataset.status)
      && (!outcome || mail.dataset.outcomes.split(" ").includes(outcome))
      && words.every((word) => textOf(mail).includes(word)));
    show(0);
  }

  /** Bring the mail that the address names to the page that is shown. */
  function follow() {
    const mail = document.getElementById(location.hash.slice(1))?.closest(".mail");
    if (!mail) return;
    const place = found.indexOf(mail);
    if (place < 0) return;
    if (mail.hidden) show(Math.floor(place / PER_PAGE));
    const details = mail.querySelector("details");
    if (details) details.open = true;
    document.getElementById(location.hash.slice(1)).scrollIntoView();
  }

  /** @param {HTMLElement} box */
  async function copy(box) {
    const button = box.querySelector(".copy");
    told.textContent = "";
    try {
      await navigator.clipboard.writeText(box.querySelector("pre").textContent);
      told.textContent = "Draft copied.";
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy draft"; }, COPIED_MS);
    } catch {
      // Pages that came over plain HTTP have no clipboard: the text is selected, for the reader to copy.
      box.querySelector("details").open = true;
      getSelection().selectAllChildren(box.querySelector("pre"));
      told.textContent = "Draft selected: copy it with the keyboard.";
      button.textContent = "Selected: now press Ctrl C";
    }
  }

  let waiting = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(waiting);
    if (event.target.type === "search") waiting = setTimeout(filter, TYPING_MS);
    else filter();
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  bar.addEventListener("click", ({ target }) => {
    if (target === before || target === after) {
      show(page + (target === after ? 1 : -1));
      document.getElementById("list").focus();
    }
    const opens = { open: true, close: false }[target.id];
    if (opens !== undefined) for (const mail of shown) for (const part of mail.querySelectorAll(":scope > details")) part.open = opens;
  });
  list.addEventListener("click", ({ target }) => { if (target.matches(".copy")) copy(target.closest(".draft")); });
  addEventListener("hashchange", follow);

  document.documentElement.classList.add("script");
  for (const mail of mails) mail.hidden = true;
  form.hidden = bar.hidden = false;
  filter();
  follow();
})();
