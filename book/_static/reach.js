// Whatever scrolls within a page can be reached by the Tab key, and then scrolled by the arrows: long formulas, output,
// tables.
(() => {
  "use strict";
  const MAY_SCROLL = ":is(div, pre, figure, p, dd)";
  const LABEL = "Larger than its frame: scroll with the arrow keys";

  const scrolls = (one) => {
    const wide = one.scrollWidth > one.clientWidth + 1;
    const high = one.scrollHeight > one.clientHeight + 1;
    if (!one.clientWidth || !(wide || high)) return false;
    const style = getComputedStyle(one);
    return (wide && /auto|scroll/.test(style.overflowX)) || (high && /auto|scroll/.test(style.overflowY));
  };

  const reached = new Map(); // what an element had before
  const GIVEN = { tabindex: "0", role: "group", "aria-label": LABEL };

  const set = (one, name, value) => (value === null ? one.removeAttribute(name) : one.setAttribute(name, value));

  const reach = (article) => {
    for (const one of article.querySelectorAll(MAY_SCROLL)) {
      const before = reached.get(one);
      if (scrolls(one) === Boolean(before) || (!before && one.tabIndex >= 0)) continue;
      if (before) {
        for (const [name, value] of before) set(one, name, value);
        reached.delete(one);
        continue;
      }
      reached.set(one, Object.keys(GIVEN).map((name) => [name, one.getAttribute(name)]));
      for (const [name, value] of Object.entries(GIVEN)) {
        if (name === "tabindex" || !one.hasAttribute(name)) set(one, name, value);
      }
    }
  };

  // Sections open and windows turn after the page is there: each changes the article's size.
  addEventListener("DOMContentLoaded", () => {
    const article = document.querySelector("article");
    if (article) new ResizeObserver(() => reach(article)).observe(article);
  });
})();
