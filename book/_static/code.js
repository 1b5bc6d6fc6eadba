// One switch for all the code of a page: without it every cell has a fold of its own.
(() => {
  "use strict";
  const KEY = "companion-code";

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

  document.addEventListener("DOMContentLoaded", () => {
    const folds = document.querySelectorAll(".bd-article details.hide");
    const heading = document.querySelector(".bd-article h1");
    if (!folds.length || !heading) return;

    const button = document.createElement("button");
    button.type = "button";
    button.className = "code-switch";
    const show = (shown) => {
      for (const fold of folds) fold.open = shown;
      button.setAttribute("aria-pressed", String(shown));
      button.textContent = shown ? "Hide all code" : "Show all code";
    };
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      show(shown);
      remember(shown);
    });
    document.documentElement.classList.add("has-code-switch");
    show(remembered());
    heading.after(button);
  });
})();
