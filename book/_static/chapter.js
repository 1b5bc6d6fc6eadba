// What a chapter's page does for its reader: one switch for all code, and long pages folded section by section.
// Without this script every cell has a fold of its own and every section is open.
(() => {
  "use strict";
  const KEY = "companion-code";
  const LONG = 6000; // pixels, of all that is above and below the chapter too

  const remembered = () => {
    try {
      return localStorage.getItem(KEY) === "shown";
    } catch {
      return false; // a page from a file may have no storage
    }
  };

  const remember = (shown) => {
    try {
      localStorage.setItem(KEY, shown ? "shown" : "folded");
    } catch {
      // then the choice holds for this page alone
    }
  };

  const button = (words, className) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = className;
    made.textContent = words;
    return made;
  };

  const switchCode = (heading, folds) => {
    const made = button("", "page-switch");
    const show = (shown) => {
      for (const fold of folds) fold.open = shown;
      made.setAttribute("aria-pressed", String(shown));
      made.textContent = shown ? "Hide all code" : "Show all code";
    };
    made.addEventListener("click", () => {
      const shown = made.getAttribute("aria-pressed") !== "true";
      show(shown);
      remember(shown);
    });
    document.documentElement.classList.add("has-code-switch");
    show(remembered());
    heading.after(made);
  };

  // A section folds behind its heading; a search in the page and a link into it open it.
  const foldable = (section) => {
    const heading = section.querySelector(":scope > h2");
    const body = document.createElement("div");
    body.append(...[...section.children].filter((child) => child !== heading && child.localName !== "span"));
    body.id = `${section.id}-body`;
    section.append(body);
    const toggle = button("", "section-toggle");
    toggle.setAttribute("aria-controls", body.id);
    const link = heading.querySelector(".headerlink");
    for (const node of [...heading.childNodes]) if (node !== link) toggle.append(node);
    heading.prepend(toggle);
    const set = (open) => {
      toggle.setAttribute("aria-expanded", String(open));
      if (open) body.removeAttribute("hidden");
      else body.setAttribute("hidden", "until-found");
    };
    toggle.addEventListener("click", () => set(toggle.getAttribute("aria-expanded") !== "true"));
    body.addEventListener("beforematch", () => set(true));
    return { section, set };
  };

  const fold = (article, heading) => {
    const sections = [...article.querySelectorAll(":scope section > section")].filter(
      (section) => section.id && section.querySelector(":scope > h2"),
    );
    if (document.documentElement.scrollHeight <= LONG || sections.length < 3) return;
    const parts = sections.slice(1).map(foldable);
    const all = button("", "page-switch");
    const setAll = (open) => {
      for (const part of parts) part.set(open);
      all.setAttribute("aria-pressed", String(open));
      all.textContent = open ? "Fold all sections" : "Open all sections";
    };
    const follow = () => {
      const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      const part = target && parts.find(({ section }) => section.contains(target) || target.contains(section));
      if (!part || target.contains(heading)) return;
      part.set(true);
      target.scrollIntoView();
    };
    all.addEventListener("click", () => setAll(all.getAttribute("aria-pressed") !== "true"));
    setAll(false);
    (article.querySelector(".page-switch") ?? heading).after(all);
    window.addEventListener("hashchange", follow);
    window.addEventListener("beforeprint", () => setAll(true));
    follow();
  };

  document.addEventListener("DOMContentLoaded", () => {
    const article = document.querySelector(".bd-article");
    const heading = article?.querySelector("h1");
    const folds = document.querySelectorAll(".bd-article details.hide");
    if (!heading || !folds.length) return;
    switchCode(heading, folds);
    window.addEventListener("load", () => fold(article, heading));
  });
})();
