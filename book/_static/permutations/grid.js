// A grid of models: whoever points at a cell, taps it or goes there by keys sees how that model learnt.
// Without this script the grid is a shaded table of the same numbers.
(() => {
  "use strict";
  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const SVG = "http://www.w3.org/2000/svg";
  const FIELDS = ["regime", "order", "value", "n", "best", "low", "high", "gap", "packed"];
  const HOW =
    "Point at a cell, tap it, or go there by Tab and the arrow keys: you see how that model learnt, epoch by epoch.";

  // Whole numbers from text: five bits a letter, the lowest first and the sign before them; 32 says that more follow.
  const unpacked = (text) => {
    const found = [];
    let value = 0;
    let shift = 0;
    for (const letter of text) {
      const five = DIGITS.indexOf(letter);
      value += (five & 31) * 2 ** shift;
      shift += 5;
      if (five & 32) continue;
      found.push(value % 2 ? -(value - 1) / 2 : value / 2);
      value = shift = 0;
    }
    return found;
  };

  // Mean, lowest and highest test accuracy in percent after each epoch.
  const curve = (text) => {
    const numbers = unpacked(text);
    const found = [];
    let mean = 0;
    for (let i = 0; i < numbers.length; i += 3) {
      mean += numbers[i];
      found.push([mean / 100, (mean - numbers[i + 1]) / 100, (mean + numbers[i + 2]) / 100]);
    }
    return found;
  };

  const drawn = (name, attributes, ...children) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  const ticks = (low, high) => {
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20].find((size) => (high - low) / size <= 6.5) ?? 50;
    const found = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(+(i * step).toFixed(1));
    return found;
  };

  // What a chart of these curves spans, but for the first twentieth of the epochs, in which some begin far below.
  const span = (curves) => {
    const late = curves.flatMap((one) => one.filter((_, i) => i + 1 > one.length / 20));
    const low = late.reduce((least, point) => Math.min(least, point[1]), 100);
    const high = late.reduce((most, point) => Math.max(most, point[2]), 0);
    const room = Math.max(0.04 * (high - low), 0.02);
    return [low - room, Math.min(100, high + room)];
  };

  const DETAIL = `
    <p class="name"><span class="swatch"></span><strong data-part="name"></strong></p>
    <svg class="wiring" role="img" viewBox="0 0 206 74"></svg>
    <dl><div><dt>best test accuracy</dt><dd><b data-part="best"></b></dd><dd data-part="range"></dd></div>
      <div><dt>own order, image</dt><dd data-part="own"></dd></div>
      <div><dt>gap</dt><dd><b data-part="gap"></b></dd></div></dl>
    <svg class="chart" role="img"></svg>
    <div class="under"><ul class="key"><li><span class="line this"></span>this model</li>
      <li><span class="line own"></span>own order, image</li>
      <li><span class="line other"></span>the regime's others</li></ul>
      <label><input type="checkbox" data-part="zoom"> Zoom in on the first two</label></div>
    <p class="said" role="status" aria-live="polite" data-part="said"></p>`;

  const start = (root, number) => {
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    const rows = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    const tables = [...root.querySelectorAll("table")];
    const keys = tables.map((table) => (table.nextElementSibling?.matches(".key") ? table.nextElementSibling : null));
    part("detail").innerHTML = DETAIL;
    const chart = root.querySelector(".chart");
    const wiring = root.querySelector(".wiring");
    let row = 0;
    let chosen = null;
    let waiting = 0;

    for (const one of rows) {
      one.models = one.models.map((values) => Object.fromEntries(values.map((value, i) => [FIELDS[i], value])));
      for (const model of one.models) model.curve = curve(model.packed);
      one.span = span(one.models.map((model) => model.curve));
      const order = [...one.models.map((model) => model.order)].sort()[0];
      for (const model of one.models) {
        model.own = one.models.find((m) => m.regime === model.regime && m.value === "image" && m.order === order);
      }
    }

    const named = (model) => `${model.regime}, order ${model.order}, ${model.value}`;
    const gapWords = (model) => (model.gap === "–" ? "not known yet" : `${model.gap} points`);

    // Which layer of the value network uses the gates of which layer.
    const wire = (model) => {
      const order = model.order.split(" ").map(Number);
      const at = (layer) => 98 + 30 * (layer - 1);
      const text = (x, y, words, anchor = "middle") => drawn("text", { x, y, "text-anchor": anchor }, words);
      wiring.replaceChildren(text(80, 16, "gates of layer", "end"), text(80, 70, "used in layer", "end"));
      order.forEach((from, i) => {
        wiring.append(drawn("line", { x1: at(from), y1: 22, x2: at(i + 1), y2: 56, class: from === i + 1 ? "" : "moved" }));
        wiring.append(text(at(i + 1), 16, String(i + 1)), text(at(i + 1), 70, String(i + 1)));
      });
      const words = order.map((from, i) => `layer ${i + 1} uses the gates of layer ${from}`);
      wiring.setAttribute("aria-label", `Order: ${words.join(", ")}.`);
    };

    const draw = () => {
      const model = rows[row].models[chosen];
      const width = chart.clientWidth || 320;
      const height = chart.clientHeight || 200;
      const epochs = model.curve.length;
      const pair = [model, model.own].filter(Boolean);
      const [low, high] = part("zoom").checked ? span(pair.map((one) => one.curve)) : rows[row].span;
      const box = { left: 40, right: width - 8, top: 6, bottom: height - 34 };
      const x = (epoch) => box.left + ((box.right - box.left) * (epoch - 1)) / Math.max(1, epochs - 1);
      const y = (value) => box.bottom - ((box.bottom - box.top) * (value - low)) / (high - low);
      const line = (points, k = 0, from = "M") =>
        from + points.map((point, i) => `${x(i + 1).toFixed(1)},${y(point[k]).toFixed(1)}`).join("L");
      const band = (points) => {
        const back = points.map((point, i) => `${x(i + 1).toFixed(1)},${y(point[1]).toFixed(1)}`).reverse();
        return `${line(points, 2)}L${back.join("L")}Z`;
      };
      const size = { width: box.right - box.left, height: box.bottom - box.top };
      const frame = drawn("g", { class: "frame" });
      for (const value of ticks(low, high)) {
        frame.append(drawn("line", { x1: box.left, x2: box.right, y1: y(value), y2: y(value) }));
        frame.append(drawn("text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)));
      }
      for (const epoch of [1, ...[1, 2, 3, 4].map((i) => Math.round((epochs * i) / 4))]) {
        const anchor = epoch === epochs ? "end" : "middle";
        frame.append(drawn("text", { x: x(epoch), y: box.bottom + 15, "text-anchor": anchor }, String(epoch)));
      }
      frame.append(drawn("text", { x: box.left, y: height - 4 }, "test accuracy [%] after each epoch"));
      const others = rows[row].models.filter((one) => one.regime === model.regime && !pair.includes(one));
      const lines = drawn("g", { "clip-path": `url(#model-grid-${number})` });
      lines.append(...others.map((one) => drawn("path", { class: "other", d: line(one.curve) })));
      for (const one of pair.reverse()) {
        const kind = one === model ? "this" : "own";
        lines.append(drawn("path", { class: `${kind} band`, d: band(one.curve) }));
        lines.append(drawn("path", { class: kind, d: line(one.curve) }));
      }
      const clip = drawn("clipPath", { id: `model-grid-${number}` }, drawn("rect", { x: box.left, y: box.top, ...size }));
      chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
      chart.replaceChildren(clip, frame, lines);
      const last = (one) => `${one.curve[epochs - 1][0].toFixed(2)}% after epoch ${epochs}`;
      const compared = model.own && model.own !== model ? `; own order with the image: ${last(model.own)}` : "";
      chart.setAttribute("aria-label", `Test accuracy of ${named(model)}: ${last(model)}${compared}.`);
    };

    const show = (i) => {
      if (i === chosen) return;
      chosen = i;
      const model = rows[row].models[i];
      for (const cell of root.querySelectorAll("td.here")) {
        cell.classList.remove("here");
        cell.firstElementChild.removeAttribute("aria-current");
      }
      const cell = tables[row].querySelector(`td[data-model="${i}"]`);
      cell.classList.add("here");
      cell.firstElementChild.setAttribute("aria-current", "true");
      for (const button of tables[row].querySelectorAll("td button")) button.tabIndex = -1;
      cell.firstElementChild.tabIndex = 0;
      part("detail").style.setProperty("--own", cell.style.getPropertyValue("--own"));
      part("name").textContent = named(model);
      part("best").textContent = `${model.best}%`;
      part("range").textContent = `mean of n = ${model.n} seeds, ${model.low} to ${model.high}`;
      part("own").textContent = model.own ? `${model.own.best}%` : "not recorded yet";
      part("gap").textContent = gapWords(model);
      wire(model);
      draw();
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        part("said").textContent = `${named(model)}: best test accuracy ${model.best}%, gap ${gapWords(model)}.`;
      }, 300);
    };

    // The cell that lies in a direction, past those that no model is in.
    const beside = (cell, across, down) => {
      const lines = [...cell.closest("table").querySelectorAll("tr:has(td[data-model], tbody td)")];
      let line = lines.indexOf(cell.parentElement);
      let column = [...cell.parentElement.children].indexOf(cell);
      for (;;) {
        line += down;
        column += across;
        const next = lines[line]?.children[column];
        if (!next || next.localName !== "td") return null;
        if (next.dataset.model) return next;
      }
    };

    const edge = (cell, last) => {
      const filled = [...cell.parentElement.querySelectorAll("td[data-model]")];
      return last ? filled.at(-1) : filled[0];
    };

    const MOVES = {
      ArrowLeft: (cell) => beside(cell, -1, 0),
      ArrowRight: (cell) => beside(cell, 1, 0),
      ArrowUp: (cell) => beside(cell, 0, -1),
      ArrowDown: (cell) => beside(cell, 0, 1),
      Home: (cell) => edge(cell, false),
      End: (cell) => edge(cell, true),
    };

    const turn = (to) => {
      row = to;
      chosen = null;
      tables.forEach((table, i) => {
        table.hidden = i !== to;
        if (keys[i]) keys[i].hidden = i !== to;
      });
      part("rows").querySelectorAll("button").forEach((one, i) => one.setAttribute("aria-pressed", String(i === to)));
      const furthest = (best, model, i, all) => (parseFloat(gap(model)) < parseFloat(gap(all[best])) ? i : best);
      show(rows[to].models.reduce(furthest, 0));
    };
    const gap = (model) => (model.gap === "–" ? "0" : model.gap.replace("−", "-"));

    tables.forEach((table, i) => {
      for (const cell of table.querySelectorAll("td[data-model]")) {
        const model = rows[i].models[cell.dataset.model];
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = cell.textContent;
        button.setAttribute("aria-label", `${cell.textContent}: ${named(model)}`);
        cell.replaceChildren(button);
      }
      const at = (event) => event.target.closest("td[data-model]");
      const see = (event) => at(event) && show(Number(at(event).dataset.model));
      for (const kind of ["pointerover", "focusin", "click"]) table.addEventListener(kind, see);
      table.addEventListener("keydown", (event) => {
        if (!at(event) || !MOVES[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        MOVES[event.key](at(event))?.firstElementChild.focus();
      });
    });

    if (rows.length > 1) {
      rows.forEach((one, i) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = one.name;
        button.addEventListener("click", () => turn(i));
        part("rows").append(button);
      });
      part("rows").hidden = false;
    }
    part("zoom").addEventListener("change", draw);
    part("how").textContent = HOW;
    part("how").hidden = false;
    part("detail").hidden = false;
    turn(0);
    new ResizeObserver(draw).observe(part("detail"));
  };

  window.ModelGrid = { curve };
  document.querySelectorAll(".model-grid").forEach(start);
})();
