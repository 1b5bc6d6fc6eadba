// The meaning of a word of the glossary, where the word is: for a pointer that rests on it and for the keyboard.
// Without this script the browser shows the same words as the title of the link.
(() => {
  "use strict";
  const note = document.createElement("div");
  note.id = "glossary-note";
  note.className = "glossary-note";
  note.setAttribute("role", "tooltip");
  note.hidden = true;
  let shown = null;
  let leaving = 0;

  const hide = () => {
    clearTimeout(leaving);
    note.hidden = true;
    shown?.removeAttribute("aria-describedby");
    shown = null;
  };

  const show = (link) => {
    hide();
    shown = link;
    note.textContent = link.dataset.meaning;
    note.hidden = false;
    link.setAttribute("aria-describedby", note.id);
    const word = link.getClientRects()[0]; // its first line
    const room = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(word.left, room - note.offsetWidth - 8));
    const above = word.top > note.offsetHeight + 12;
    note.style.left = `${left + scrollX}px`;
    note.style.top = `${scrollY + (above ? word.top - note.offsetHeight - 6 : word.bottom + 6)}px`;
  };

  const leave = () => {
    clearTimeout(leaving);
    leaving = setTimeout(hide, 200); // time to move onto the note
  };

  document.addEventListener("DOMContentLoaded", () => {
    const links = document.querySelectorAll("a.glossary-link[title]");
    if (!links.length) return;
    document.body.append(note);
    for (const link of links) {
      link.dataset.meaning = link.title;
      link.removeAttribute("title");
      link.addEventListener("mouseenter", () => show(link));
      link.addEventListener("focus", () => show(link));
      link.addEventListener("mouseleave", leave);
      link.addEventListener("blur", hide);
    }
    note.addEventListener("mouseenter", () => clearTimeout(leaving));
    note.addEventListener("mouseleave", leave);
    document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  });
})();
