/* A kernel through training: a slider over its stages, the picture of each, and nu beside it.

   All numbers are in the page.  A film stands in a hidden section, which is shown once its pictures are unpacked, in the
   place of the still picture that says the same. */
(function () {
  "use strict";

  const RAMP = {
    light: ["#fffdf8", "#3d97a3", "#06303a"],
    dark: ["#16181c", "#2f8c97", "#d9fbff"],
  };
  const WIDE = 360, HIGH = 300, LEFT = 58, RIGHT = 350, TOP = 18, BOTTOM = 252;
  const TICKS = [200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000];

  const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const whole = (v) => Math.round(v).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  const when = (epoch) => (epoch === 0 ? "before training" : `after ${epoch} epoch${epoch === 1 ? "" : "s"}`);

  /* Colours of shades 0 to count - 1: through three anchors. */
  function ramp(count) {
    const [low, middle, high] = RAMP[theme()].map(rgb);
    return Array.from({ length: count }, (_, shade) => {
      const at = (2 * shade) / (count - 1), [a, b, part] = at < 1 ? [low, middle, at] : [middle, high, at - 1];
      return a.map((v, k) => Math.round(v + (b[k] - v) * part));
    });
  }

  /* Deflated shades, each stage as what it has more than the one before, to one array a stage. */
  async function unpack({ packed, epochs, images }) {
    const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const all = new Uint8Array(await new Response(stream).arrayBuffer()), size = (images * (images + 1)) / 2;
    if (all.length !== size * epochs.length) throw new Error("a film of another size");
    for (let n = size; n < all.length; n++) all[n] = all[n] + all[n - size];
    return epochs.map((_, stage) => all.subarray(stage * size, (stage + 1) * size));
  }

  function element(name, attributes, ...inside) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  }

  async function start(root) {
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    const networks = JSON.parse(part("data").textContent);
    for (const one of networks) one.stages = await unpack(one);
    const slider = part("stage"), choices = [...root.querySelectorAll("input[type=radio]")];
    const last = Math.max(...networks.flatMap((one) => one.curve.epoch));
    const values = networks.flatMap((one) => one.curve.nu);
    const [least, most] = [Math.min(...values) / 1.25, Math.max(...values) * 1.25].map(Math.log);
    const x = (epoch) => LEFT + ((RIGHT - LEFT) * epoch) / last;
    const y = (nu) => BOTTOM - ((BOTTOM - TOP) * (Math.log(nu) - least)) / (most - least);

    /* The lower triangle, row by row, as a whole picture. */
    function drawKernel(one, stage) {
      const n = one.images, canvas = part("kernel"), pen = canvas.getContext("2d"), colours = ramp(one.shades);
      canvas.width = canvas.height = n;
      const image = new ImageData(n, n), shades = one.stages[stage];
      for (let i = 0, at = 0; i < n; i++) {
        for (let j = 0; j <= i; j++, at++) {
          for (const place of [i * n + j, j * n + i]) image.data.set([...colours[shades[at]], 255], 4 * place);
        }
      }
      pen.putImageData(image, 0, 0);
      part("scale").style.background = `linear-gradient(to right, ${RAMP[theme()].join(", ")})`;
    }

    function drawCurve(one, stage) {
      const svg = part("curve"), epoch = one.epochs[stage], nu = one.nu[stage];
      svg.replaceChildren();
      for (const tick of TICKS.filter((t) => Math.log(t) >= least && Math.log(t) <= most)) {
        svg.append(element("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: y(tick), y2: y(tick) }));
        svg.append(element("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, whole(tick)));
      }
      for (let tick = 0; tick <= last; tick += last > 20 ? 10 : 5) {
        svg.append(element("text", { x: x(tick), y: BOTTOM + 20, "text-anchor": "middle" }, String(tick)));
      }
      svg.append(element("text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 40, "text-anchor": "middle" }, "epochs"));
      svg.append(element("text", { x: 4, y: TOP - 6 }, "ν, small where the kernel fits the labels"));
      svg.append(element("line", { class: "now", x1: x(epoch), x2: x(epoch), y1: TOP, y2: BOTTOM }));
      for (const each of networks) {
        const points = each.curve.epoch.map((e, i) => `${x(e)},${y(each.curve.nu[i])}`).join(" ");
        svg.append(element("polyline", { class: each === one ? "line chosen" : "line", points }));
        const end = y(each.curve.nu[each.curve.nu.length - 1]);
        svg.append(element("text", { x: RIGHT, y: end + 20, "text-anchor": "end" }, `learns ${each.name}`));
      }
      svg.append(element("circle", { class: "dot", cx: x(epoch), cy: y(nu), r: 5 }));
      const beyond = x(epoch) > (LEFT + RIGHT) / 2;
      const place = { x: x(epoch) + (beyond ? -8 : 8), y: y(nu) - 10, "text-anchor": beyond ? "end" : "start" };
      svg.append(element("text", { class: "number", ...place }, `ν = ${whole(nu)}`));
      svg.setAttribute("aria-label", `ν against epochs, at ${whole(nu)} ${when(epoch)}`);
    }

    function draw() {
      const one = networks[choices.findIndex((choice) => choice.checked)];
      slider.max = one.epochs.length - 1;
      const stage = Number(slider.value), epoch = one.epochs[stage];
      slider.setAttribute("aria-valuetext", when(epoch));
      part("when").textContent = when(epoch);
      drawKernel(one, stage);
      drawCurve(one, stage);
      for (const place of ["across", "down"]) {
        part(place).replaceChildren(...one.blocks.map((words) => {
          const made = document.createElement("span");
          made.textContent = words;
          return made;
        }));
      }
      const means = [one.same, one.other].map((list) => list[stage].toFixed(3));
      const described =
        `two images with the same label have on average ${means[0]} of what an image has with itself, ` +
        `two with different labels ${means[1]}`;
      part("kernel").setAttribute("aria-label", `The kernel of ${one.images} images ${when(epoch)}: ${described}.`);
      const where = when(epoch).replace(/^./, (c) => c.toUpperCase());
      part("said").textContent = `${where}: ν = ${whole(one.nu[stage])}; ${described}.`;
    }

    slider.addEventListener("input", draw);
    for (const choice of choices) choice.addEventListener("change", draw);
    new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    draw();
    root.hidden = false;
    document.getElementById(root.dataset.still)?.classList.add("film-still");
  }

  function all() {
    for (const root of document.querySelectorAll(".companion-film")) {
      start(root).catch((error) => console.warn(`The film cannot be shown: ${error.message}`)); // the still picture stays
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
