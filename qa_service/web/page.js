// What the page of the FAQ does beyond links: it opens the answer that the address names, all of them, and those on paper.
"use strict";
(() => {
  /** @type {HTMLDetailsElement[]} */
  const entries = [...document.querySelectorAll("#_entries details")];
  const button = /** @type {HTMLButtonElement | null} */ (document.getElementById("_open"));

  /** Open the answer that the address names; browsers that do so by themselves have done it already. */
  function follow() {
    let id = location.hash.slice(1);
    try {
      id = decodeURIComponent(id);
    } catch {
      // The address is no proper one: it is looked for as it stands.
    }
    const place = id && document.getElementById(id);
    const details = place && place.closest("details");
    if (!details || details.open) return;
    details.open = true;
    place.scrollIntoView();
  }

  /** Open all on paper, where nothing can be clicked, and afterwards leave open what was. */
  function print() {
    const closed = entries.filter((one) => !one.open);
    for (const one of closed) one.open = true;
    addEventListener("afterprint", () => { for (const one of closed) one.open = false; }, { once: true });
  }

  if (button) {
    const [open, close] = [button.textContent, button.dataset.close];
    const told = () => { button.textContent = entries.every((one) => one.open) ? close : open; };
    button.addEventListener("click", () => {
      const opens = !entries.every((one) => one.open);
      for (const one of entries) one.open = opens;
    });
    for (const one of entries) one.addEventListener("toggle", told);
    button.parentElement.hidden = false;
    told();
  }
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", print);
  follow();
})();
