/* Sorts and filters the scorecard's table.  The address after # holds the choice, so that it can be passed on. */
(function () {
  "use strict";

  const root = document.getElementById("entries");
  if (!root) return;
  const body = root.querySelector("tbody"), heads = [...root.querySelectorAll("th")];
  const lines = [...body.rows], said = root.querySelector("[data-part=said]");
  const choices = [...root.querySelectorAll("[data-choice]")], folds = [...root.querySelectorAll("[data-fold]")];
  const columns = heads.map((head) => head.dataset.column);
  const choice = (name) => choices.find((one) => one.dataset.choice === name);
  const sort = choice("sort");

  /* ---- What stands in the address. */

  function read() {
    const given = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    for (const one of choices) {
      const value = given.get(one.dataset.choice) || "";
      one.value = [...one.options].some((option) => option.value === value) ? value : "";
    }
    for (const box of folds) box.checked = given.get(box.dataset.fold) === "shown";
  }

  function write() {
    const given = new URLSearchParams();
    for (const one of choices) if (one.value) given.set(one.dataset.choice, one.value);
    for (const box of folds) if (box.checked) given.set(box.dataset.fold, "shown");
    history.replaceState(null, "", given.size ? "#" + given : location.pathname + location.search);
  }

  /* ---- Which lines are shown. */

  const has = (line, name, value) =>
    !value || (name === "paper" ? line.dataset.paper.includes(value) : line.dataset[name] === value);

  /* A fold stays closed unless its box is ticked, or the verdict asked for lies in it. */
  function folded(line) {
    const asked = choice("verdict").value, open = new Set();
    for (const box of folds) if (box.checked) open.add(box.dataset.fold);
    if (asked === "pending") open.add("pending");
    if (asked === "cited") open.add("uncounted");
    return line.dataset.folds.split(" ").find((name) => name && !open.has(name));
  }

  function filter() {
    const wanted = ["paper", "exhibit", "kind", "verdict"].map((name) => [name, choice(name).value]);
    const hidden = { pending: 0, uncounted: 0 };
    let shown = 0;
    for (const line of lines) {
      const fits = wanted.every(([name, value]) => has(line, name, value)), fold = fits && folded(line);
      line.hidden = !fits || Boolean(fold);
      if (fold) hidden[fold]++;
      else if (fits) shown++;
    }
    const kept = [];
    if (hidden.pending) kept.push(hidden.pending + " pending");
    if (hidden.uncounted) kept.push(hidden.uncounted + " not counted");
    said.textContent = shown + " of " + lines.length + " entries" + (kept.length ? "; folded: " + kept.join(", ") : "") + ".";
  }

  /* ---- In which order. */

  const order = new Intl.Collator("en", { numeric: true });

  function key(line, at) {
    const cell = line.cells[at];
    if (cell.dataset.key !== undefined) return +cell.dataset.key;
    const text = (cell.querySelector("summary") || cell).textContent.trim();
    return text === "–" ? null : text;
  }

  function arrange() {
    const name = sort.value.replace("-", ""), down = sort.value.startsWith("-"), at = columns.indexOf(name);
    const placed = lines.map((line, i) => [at < 0 ? i : key(line, at), i, line]);
    placed.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return (a === null) - (b === null) || i - j; /* what has no value stands last */
      const by = typeof a === "number" ? a - b : order.compare(a, b);
      return (down ? -by : by) || i - j;
    });
    body.append(...placed.map((one) => one[2]));
    for (const head of heads) {
      if (!head.querySelector("button")) continue;
      head.setAttribute("aria-sort", head.dataset.column !== name ? "none" : down ? "descending" : "ascending");
    }
  }

  /* Up, down, and back to the order of the page. */
  function turn(name) {
    sort.value = { [name]: "-" + name, ["-" + name]: "" }[sort.value] ?? name;
    arrange();
    write();
  }

  /* A line that the address names is unfolded, whatever else is. */
  function open() {
    const line = lines.find((one) => "#" + one.id === location.hash);
    if (!line) return;
    line.hidden = false;
    line.querySelector("details").open = true;
    line.scrollIntoView({ block: "center" });
  }

  function start() {
    read();
    arrange();
    filter();
    open();
  }

  for (const head of heads) {
    if (![...sort.options].some((option) => option.value === head.dataset.column)) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => turn(head.dataset.column));
    head.replaceChildren(button);
  }
  root.querySelector(".controls").addEventListener("change", () => {
    arrange();
    filter();
    write();
  });
  root.querySelector("[data-part=reset]").addEventListener("click", () => {
    for (const one of choices) one.value = "";
    for (const box of folds) box.checked = false;
    arrange();
    filter();
    write();
  });
  addEventListener("hashchange", start);
  root.querySelector(".controls").hidden = false;
  start();
})();
