// What the page of the element shows: the copy button, and a ticket that is asked before it is written.
"use strict";
(() => {
  const COPIED_MS = 2000;
  const copy = document.getElementById("_copy");
  const copied = document.getElementById("_copied");
  const snippet = document.getElementById("_snippet");
  const ticket = /** @type {HTMLFormElement | null} */ (document.getElementById("_ticket"));

  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(snippet.textContent);
      copied.textContent = "Copied.";
    } catch {
      // Pages that came over plain HTTP have no clipboard: the text is selected, for the reader to copy.
      getSelection().selectAllChildren(snippet);
      copied.textContent = "Selected: copy it with the keyboard.";
    }
    setTimeout(() => { copied.textContent = ""; }, COPIED_MS);
  });

  ticket?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const told = document.getElementById("_told");
    const faq = /** @type {any} */ (document.getElementById("_dialog"));
    const found = await faq.ask(document.getElementById("_subject").value);
    if (found) told.textContent = found.outcome === "answered" ? "The FAQ answers it: no ticket is needed." : "Now the ticket would be written.";
  });
})();
