/* The page of the gates playground: controls, drawing, pointer.  All numbers come from numbers.js. */
(function () {
  "use strict";

  const P = globalThis.PlaygroundNumbers, root = document.getElementById("playground");
  if (!root) return;
  const part = (name) => root.querySelector("[data-part=" + name + "]");
  const GRID = 150, EDGE = 1.1, STEPS_A_FRAME = 4, LONG = P.LIMITS.teacher[1];
  const LINES = {
    light: ["#1c1c1c", "#7b3fa0", "#b02a4c", "#2f6f2f", "#555555"],
    dark: ["#ffffff", "#d3a4f0", "#ff9db3", "#9fdf9f", "#c8c8c8"],
  };
  const SIDE = { light: ["#a85c00", "#0b5f6a"], dark: ["#f0a850", "#6fd0da"] };
  const NAMES = ["first", "second", "third", "fourth", "fifth"];
  const grid = new Float64Array(GRID * GRID * 3);
  for (let r = 0; r < GRID; r++) {
    for (let c = 0; c < GRID; c++) {
      const a = -EDGE + (2 * EDGE * (c + 0.5)) / GRID, b = EDGE - (2 * EDGE * (r + 0.5)) / GRID;
      grid.set([a, b, 1], 3 * (r * GRID + c));
    }
  }

  let spec = P.parse(location.search), model, at = [0.3, 0.2], running = false, queued = false;

  const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const percent = (v) => (v === 0 ? "0" : (100 * v).toPrecision(v > 0.0995 ? 3 : 2)) + " %";
  const number = (v) => (Math.abs(v) < 5e-4 ? "0" : v.toFixed(3).replace("-", "−"));

  /* ---- Pictures. */

  /* A canvas made sharp for this screen; its context, in pixels of the page. */
  function sheet(canvas) {
    const scale = globalThis.devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
    canvas.width = Math.round(wide * scale);
    canvas.height = Math.round(high * scale);
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    return { pen, wide, high };
  }

  function drawPlane(all) {
    const { pen, wide } = sheet(part("plane")), dark = theme() === "dark", sides = SIDE[theme()].map(rgb);
    const ground = dark ? [24, 26, 30] : [255, 254, 250], image = new ImageData(GRID, GRID), shade = part("shade").value;
    const shown = part("lines").value, lines = LINES[theme()].map(rgb);
    const found = running && shade !== "regions" ? null : P.regions(all.own.q, GRID * GRID, spec.width);
    for (let n = 0; n < GRID * GRID; n++) {
      const o = all.output[n];
      let strength = Math.min(1, Math.abs(o)) * 0.55 + 0.08, side = sides[o > 0 ? 1 : 0];
      if (shade === "regions") {
        const id = found.ids[n];
        strength = 0.15 + 0.5 * ((id * 0.618034) % 1);
        side = sides[id % 2];
      }
      for (let k = 0; k < 3; k++) image.data[4 * n + k] = ground[k] + (side[k] - ground[k]) * strength;
      image.data[4 * n + 3] = 255;
    }
    all.own.q.forEach((q, l) => {
      if (shown !== "all" && shown !== String(l)) return;
      const W = spec.width;
      for (let n = 0; n < GRID * GRID; n++) {
        const right = (n + 1) % GRID ? n + 1 : n, below = n + GRID < GRID * GRID ? n + GRID : n;
        for (let i = 0; i < W; i++) {
          const on = q[n * W + i] > 0;
          if (on !== q[right * W + i] > 0 || on !== q[below * W + i] > 0) {
            for (let k = 0; k < 3; k++) image.data[4 * n + k] = lines[l][k];
            break;
          }
        }
      }
    });
    const small = document.createElement("canvas");
    small.width = small.height = GRID;
    small.getContext("2d").putImageData(image, 0, 0);
    pen.drawImage(small, 0, 0, wide, wide);
    const place = (v) => ((v + EDGE) / (2 * EDGE)) * wide, { x, y, count } = model.data;
    for (let n = 0; n < count; n++) {
      const a = place(x[3 * n]), b = wide - place(x[3 * n + 1]);
      pen.fillStyle = SIDE[theme()][y[n] > 0 ? 1 : 0];
      pen.strokeStyle = dark ? "#000" : "#fff";
      pen.beginPath();
      if (y[n] > 0) pen.rect(a - 3.2, b - 3.2, 6.4, 6.4);
      else pen.arc(a, b, 3.6, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    }
    const a = place(at[0]), b = wide - place(at[1]);
    for (const [colour, thick] of [[dark ? "#000" : "#fff", 5], [dark ? "#fff" : "#000", 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.beginPath();
      pen.arc(a, b, 8, 0, 2 * Math.PI);
      pen.moveTo(a - 13, b);
      pen.lineTo(a + 13, b);
      pen.moveTo(a, b - 13);
      pen.lineTo(a, b + 13);
      pen.stroke();
    }
    return found && found.number;
  }

  /* The value network at the point: units by how open their gates are, weights between open ones. */
  function drawNetwork(here) {
    const { pen, wide, high } = sheet(part("network")), dark = theme() === "dark", ink = dark ? "#e8e8e8" : "#222";
    const open = [[1, 1, 1], ...here.gates.map((g) => Array.from(g)), [1]];
    const across = (l) => 16 + ((wide - 32) * l) / (open.length - 1);
    const down = (l, i) => (high - 22) * ((i + 0.5) / open[l].length) + 4, size = Math.min(8, (high - 22) / spec.width / 2.4);
    model.value.forEach((weight, l) => {
      const from = open[l], to = open[l + 1];
      from.forEach((g, i) => to.forEach((h, j) => {
        const w = weight[i * to.length + j], strength = Math.min(1, g * h);
        if (strength < 0.05) return;
        pen.globalAlpha = strength * Math.min(0.9, 0.12 + Math.abs(w) * 0.6);
        pen.strokeStyle = SIDE[theme()][w > 0 ? 1 : 0];
        pen.lineWidth = Math.min(4, 0.6 + 1.8 * Math.abs(w));
        pen.beginPath();
        pen.moveTo(across(l), down(l, i));
        pen.lineTo(across(l + 1), down(l + 1, j));
        pen.stroke();
      }));
    });
    pen.strokeStyle = pen.fillStyle = ink;
    pen.lineWidth = 1.2;
    open.forEach((layer, l) => layer.forEach((g, i) => {
      pen.beginPath();
      pen.arc(across(l), down(l, i), size, 0, 2 * Math.PI);
      pen.globalAlpha = 1;
      pen.fillStyle = dark ? "#181a1e" : "#fff";
      pen.fill();
      pen.globalAlpha = Math.min(1, g);
      pen.fillStyle = ink;
      pen.fill();
      pen.globalAlpha = 1;
      pen.stroke();
    }));
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    spec.order.forEach((source, l) => pen.fillText("G" + (source + 1), across(l + 1), high - 4));
    pen.fillText(spec.ones ? "1, 1, 1" : "x, 1", Math.max(20, across(0)), high - 4);
    pen.fillText("ŷ", across(open.length - 1), high - 4);
  }

  function drawRow(row) {
    const { pen, wide, high } = sheet(part("row")), { y, count } = model.data;
    const most = Math.max(1e-12, ...row.map(Math.abs)), low = Math.min(0, ...row) < 0 ? 0.5 : 1;
    const places = Array.from(row.keys()).sort((a, b) => y[a] - y[b] || row[b] - row[a]);
    places.forEach((n, i) => {
      const tall = (row[n] / most) * (high - 6) * low;
      pen.fillStyle = SIDE[theme()][y[n] > 0 ? 1 : 0];
      pen.fillRect((wide * i) / count + 0.5, (high - 3) * low - Math.max(0, tall), wide / count - 1, Math.abs(tall));
    });
    pen.fillStyle = theme() === "dark" ? "#ccc" : "#444";
    pen.fillRect(0, (high - 3) * low, wide, 1);
  }

  function draw() {
    queued = false;
    const seen = drawPlane(P.evaluate(model, grid, GRID * GRID)), { loss, accuracy } = P.score(model);
    part("state").textContent =
      `Step ${model.step}${model.step < LONG ? "" : ", the last"}: loss ${loss.toFixed(4)}, ${percent(accuracy)} of the points right` +
      (seen ? `, ${seen.toLocaleString("en")} linear regions seen` : "");
    drawPoint();
  }

  function drawPoint() {
    const here = P.probe(model, ...at), { y } = model.data;
    drawNetwork(here);
    drawRow(here.row);
    const soft = spec.regime === "DL", sums = here.gates.map((g) => g.reduce((t, v) => t + v, 0));
    const counts = soft ? sums.map((s) => s.toFixed(1)) : sums, paths = 3 * spec.width ** (spec.depth - 1);
    const mine = [0, 0];
    here.row.forEach((h, n) => (mine[y[n] > 0 ? 1 : 0] += Math.abs(h)));
    part("point").textContent =
      `At (${number(at[0])}, ${number(at[1])}): ŷ = ${number(here.output)}. Open gates by layer: ` +
      `${counts.join(", ")} of ${spec.width}. ` +
      (soft ? `Mean activity of the ${paths.toLocaleString("en")} paths: ${percent(here.share)}.`
        : `Active paths: ${Math.round(here.share * paths).toLocaleString("en")} of ${paths.toLocaleString("en")} ` +
          `(${percent(here.share)}).`);
    part("kernel").textContent = mine[0] + mine[1] === 0 ? "No point shares an active path with this one." :
      `Largest H: ${Math.max(...here.row).toLocaleString("en", { maximumSignificantDigits: 3 })}. ` +
      `Of the sum of |H|, ${percent(mine[1] / (mine[0] + mine[1]))} ` +
      "is with squares, the rest with circles.";
  }

  function redraw() {
    if (!queued) queued = true, requestAnimationFrame(draw);
  }

  /* ---- States and controls. */

  function begin(changes, learnt) {
    run(false);
    spec = P.valid({ ...spec, ...changes });
    model = P.start(spec, learnt);
    history.replaceState(null, "", P.query(spec) + location.hash);
    show();
    redraw();
  }

  function show() {
    const gated = spec.regime !== "ReLU";
    for (const name of ["regime", "toy", "depth", "width", "seed", "teacher", "from"]) part(name).value = spec[name];
    part("depth-value").textContent = spec.depth;
    part("width-value").textContent = spec.width;
    part("ones").checked = spec.ones;
    part("ones").disabled = !gated;
    // An address has room for gates learnt in the plain order on the point itself, as in the package.
    part("anew").disabled = spec.regime === "DL" && (spec.ones || spec.order.some((source, l) => source !== l));
    part("learnt").hidden = spec.regime !== "FL";
    part("gates").hidden = !gated;
    const list = part("order"), had = list.contains(document.activeElement) ? document.activeElement.dataset.gate : null;
    list.replaceChildren(...spec.order.map((source, l) => {
      const item = document.createElement("li"), handle = document.createElement("button");
      handle.type = "button";
      handle.dataset.gate = source;
      handle.textContent = "G" + (source + 1);
      handle.setAttribute("aria-label",
        `G${source + 1}, the gates of layer ${source + 1}, now at layer ${l + 1} of ${spec.order.length}`);
      item.append(handle);
      return item;
    }));
    if (had !== null) list.querySelector(`[data-gate="${had}"]`)?.focus();
    const lines = part("lines"), chosen = lines.value;
    const names = [["all", "all layers"], ...spec.order.map((_, l) => [String(l), NAMES[l] + " layer"]), ["none", "none"]];
    lines.replaceChildren(...names.map(([value, name]) => new Option(name, value)));
    lines.value = names.some(([value]) => value === chosen) ? chosen : "all";
    part("key").replaceChildren(...spec.order.map((_, l) => {
      const mark = document.createElement("span");
      mark.className = "layer-" + l;
      mark.textContent = NAMES[l];
      return mark;
    }));
  }

  function move(from, to) {
    const last = spec.order.length - 1;
    if (to < 0 || to > last || from === to) return;
    const order = spec.order.slice(), [source] = order.splice(from, 1);
    order.splice(to, 0, source);
    begin({ order });
    part("said").textContent = `Gates of layer ${source + 1} moved to layer ${to + 1}. Training starts anew.`;
  }

  function run(on) {
    if (on === running || (on && model.step >= LONG)) return;
    running = on;
    part("train").textContent = on ? "Pause" : "Train";
    part("train").setAttribute("aria-pressed", String(on));
    if (on) requestAnimationFrame(frame);
    else redraw();
  }

  function frame() {
    if (!running) return;
    for (let i = 0; i < STEPS_A_FRAME && model.step < LONG; i++) P.step(model);
    draw();
    if (model.step >= LONG) run(false);
    else requestAnimationFrame(frame);
  }

  /* The gates of now, a value network that knows nothing: learnt gates become those of FL. */
  function anew() {
    const learnt = spec.regime === "ReLU" || spec.regime === "DL";
    const teacher = model.step;
    if (learnt) begin({ regime: "FL", from: spec.regime, teacher, order: null, ones: false }, model.feature || model.value);
    else begin({}, model.feature);
    part("said").textContent = learnt
      ? `The gates of step ${teacher} are kept, and a new value network starts on them.`
      : "A new value network starts on the same gates.";
  }

  const plane = part("plane");
  function point(event) {
    const box = plane.getBoundingClientRect();
    const put = (v) => Math.min(EDGE, Math.max(-EDGE, v));
    at = [put(((event.clientX - box.left) / box.width) * 2 * EDGE - EDGE),
      put(EDGE - ((event.clientY - box.top) / box.height) * 2 * EDGE)];
    if (!running) redraw();
  }
  plane.addEventListener("pointermove", point);
  plane.addEventListener("pointerdown", point);
  plane.addEventListener("keydown", (event) => {
    const by = event.shiftKey ? 0.2 : 0.04;
    const way = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, by], ArrowDown: [0, -by] }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation(); // the theme turns pages by arrow keys
    at = at.map((v, i) => Math.min(EDGE, Math.max(-EDGE, v + way[i])));
    if (!running) redraw();
  });

  const order = part("order");
  let held = null;
  const places = () => Array.from(order.children);
  order.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("button");
    if (!handle) return;
    held = { item: handle.parentElement, x: event.clientX };
    handle.setPointerCapture(event.pointerId);
  });
  order.addEventListener("pointermove", (event) => {
    if (held) held.item.style.transform = `translateX(${event.clientX - held.x}px)`;
  });
  order.addEventListener("pointerup", (event) => {
    if (!held) return;
    const from = places().indexOf(held.item), shift = event.clientX - held.x;
    held.item.style.transform = "";
    const boxes = places().map((item) => item.getBoundingClientRect());
    const middle = boxes[from].left + boxes[from].width / 2 + shift;
    const gaps = boxes.map((box) => Math.abs(box.left + box.width / 2 - middle));
    held = null;
    move(from, gaps.indexOf(Math.min(...gaps)));
  });
  order.addEventListener("pointercancel", () => {
    if (held) held.item.style.transform = "";
    held = null;
  });
  order.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    const handle = event.target.closest("button");
    if (!step || !handle) return;
    event.preventDefault();
    event.stopPropagation();
    const from = places().indexOf(handle.parentElement);
    move(from, from + step);
  });

  for (const name of ["regime", "toy", "from"]) {
    part(name).addEventListener("change", (event) => begin({ [name]: event.target.value }));
  }
  for (const name of ["depth", "width", "seed", "teacher"]) {
    part(name).addEventListener("change", (event) => {
      const [low, high] = P.LIMITS[name], n = Math.round(Number(event.target.value));
      begin({ [name]: Number.isFinite(n) && event.target.value !== "" ? Math.min(high, Math.max(low, n)) : spec[name] });
    });
  }
  for (const name of ["depth", "width"]) {
    part(name).addEventListener("input", (event) => (part(name + "-value").textContent = event.target.value));
  }
  root.addEventListener("keydown", (event) => {
    if (event.key.startsWith("Arrow")) event.stopPropagation(); // of sliders and lists too
  });
  part("ones").addEventListener("change", (event) => begin({ ones: event.target.checked }));
  part("train").addEventListener("click", () => run(!running));
  part("step").addEventListener("click", () => {
    run(false);
    if (model.step < LONG) P.step(model);
    redraw();
  });
  part("reset").addEventListener("click", () => begin({}));
  part("anew").addEventListener("click", anew);
  part("lines").addEventListener("change", redraw);
  part("shade").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  new ResizeObserver(redraw).observe(plane);

  root.hidden = false;
  const still = document.getElementById("playground-still");
  if (still) still.hidden = true;
  begin({});
})();
