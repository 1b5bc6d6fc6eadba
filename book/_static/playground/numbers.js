/* The numbers of the gates playground: the package's random streams, networks, regimes and steps, in float64.

   Arrays are rows of examples, flat: N x width.  Weights are [in, out], flat, as in the package.  A toy's example is
   (x1, x2, 1), and networks have no biases: the one is what lets the lines of the first layer leave the origin. */
(function () {
  "use strict";

  const REGIMES = ["ReLU", "FR-II", "FR-DI", "DL", "FL"];
  const TOYS = ["moons", "rings", "spirals", "quarters"];
  const LIMITS = { depth: [2, 6], width: [2, 16], seed: [0, 9999], teacher: [0, 2000] };
  const DEFAULTS = { regime: "ReLU", toy: "moons", depth: 4, width: 8, order: null, ones: false, seed: 0, teacher: 300,
    from: "ReLU" };
  const EXAMPLES = 120, D_IN = 3, RATE = 0.01, BETA1 = 0.9, BETA2 = 0.999, EPSILON = 1e-7, SLOPE = 4, EXCESS = 0.1;

  /* ---- Random streams: SHA-256 of the seed and a name seeds a Mersenne Twister, whose 24 low bits are a float32. */

  function primes(count) {
    const found = [];
    for (let n = 2; found.length < count; n++) if (found.every((p) => n % p)) found.push(n);
    return found;
  }
  const fraction = (x) => Math.floor((x - Math.floor(x)) * 4294967296) >>> 0;
  const SHA_K = primes(64).map((p) => fraction(Math.cbrt(p)));
  const SHA_H = primes(8).map((p) => fraction(Math.sqrt(p)));

  function sha256(text) {
    const bytes = Array.from(new TextEncoder().encode(text)), bits = bytes.length * 8;
    bytes.push(0x80);
    while (bytes.length % 64 !== 56) bytes.push(0);
    bytes.push(0, 0, 0, 0, bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255);
    const h = SHA_H.slice(), w = new Array(64), turn = (x, n) => (x >>> n) | (x << (32 - n));
    for (let at = 0; at < bytes.length; at += 64) {
      for (let i = 0; i < 64; i++) {
        if (i < 16) {
          const b = at + 4 * i;
          w[i] = (bytes[b] << 24) | (bytes[b + 1] << 16) | (bytes[b + 2] << 8) | bytes[b + 3];
        } else {
          const x = w[i - 15], y = w[i - 2];
          const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3), s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
          w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
        }
      }
      let [a, b, c, d, e, f, g, last] = h;
      for (let i = 0; i < 64; i++) {
        const choice = (e & f) ^ (~e & g), majority = (a & b) ^ (a & c) ^ (b & c);
        const t1 = (last + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + SHA_K[i] + w[i]) | 0;
        const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0;
        [a, b, c, d, e, f, g, last] = [(t1 + t2) | 0, a, b, c, (d + t1) | 0, e, f, g];
      }
      [a, b, c, d, e, f, g, last].forEach((x, i) => (h[i] = (h[i] + x) | 0));
    }
    return h.map((x) => x >>> 0);
  }

  /* Uniform numbers in [0, 1), each a float32, of the package's stream of this seed and these names. */
  function stream(seed, ...names) {
    const [high, low] = sha256("[" + [seed, ...names.map((n) => JSON.stringify(n))].join(", ") + "]");
    const state = new Uint32Array(624);
    state[0] = (low >>> 1) | (high << 31);
    for (let i = 1; i < 624; i++) {
      state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    }
    let at = 624;
    return function () {
      if (at === 624) {
        for (let i = 0; i < 624; i++) {
          const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
          state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
        }
        at = 0;
      }
      let y = state[at++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      y ^= y >>> 18;
      return (y & 0xffffff) / 16777216;
    };
  }

  /* ---- What a state of the page is, and its examples. */

  const whole = (text, [low, high], other) => {
    const n = text === null || text === "" ? NaN : Number(text);
    return Number.isInteger(n) ? Math.min(high, Math.max(low, n)) : other;
  };

  /* A valid description from an address's query; what it does not say, or says wrongly, is the default. */
  function parse(query) {
    const q = new URLSearchParams(query), spec = { ...DEFAULTS };
    if (REGIMES.includes(q.get("regime"))) spec.regime = q.get("regime");
    if (TOYS.includes(q.get("toy"))) spec.toy = q.get("toy");
    if (["ReLU", "DL"].includes(q.get("from"))) spec.from = q.get("from");
    for (const name of Object.keys(LIMITS)) spec[name] = whole(q.get(name), LIMITS[name], DEFAULTS[name]);
    spec.ones = q.get("input") === "ones";
    if (q.get("order")) spec.order = q.get("order").split("-").map((l) => Number(l) - 1);
    return valid(spec);
  }

  /* The same description with nothing in it that has no meaning in its regime or for its depth. */
  function valid(spec) {
    const layers = spec.depth - 1, given = spec.order;
    const fits = given && given.length === layers && [...given].sort((a, b) => a - b).every((l, i) => l === i);
    const order = fits ? given.slice() : Array.from({ length: layers }, (_, l) => l);
    const gated = spec.regime !== "ReLU";
    return { ...spec, order: gated ? order : order.map((_, l) => l), ones: gated && spec.ones,
      from: spec.regime === "FL" ? spec.from : "ReLU", teacher: spec.regime === "FL" ? spec.teacher : DEFAULTS.teacher };
  }

  function query(spec) {
    const q = new URLSearchParams();
    for (const name of ["regime", "toy", "depth", "width", "seed"]) q.set(name, spec[name]);
    if (spec.order.some((l, i) => l !== i)) q.set("order", spec.order.map((l) => l + 1).join("-"));
    if (spec.ones) q.set("input", "ones");
    if (spec.regime === "FL") q.set("from", spec.from), q.set("teacher", spec.teacher);
    return "?" + q;
  }

  /* Points of a toy: x [N, 3], labels y of minus and plus 1. */
  function examples(toy, seed) {
    const draw = stream(seed, "toy", toy), x = new Float64Array(EXAMPLES * D_IN), y = new Float64Array(EXAMPLES);
    for (let n = 0; n < EXAMPLES; n++) {
      const u = draw(), v = draw(), w = draw(), side = n % 2 ? 1 : -1;
      let a, b;
      y[n] = side;
      if (toy === "moons") {
        const t = Math.PI * u;
        a = side * (0.55 * Math.cos(t) - 0.25) + 0.2 * (v - 0.5);
        b = side * (0.65 * Math.sin(t) - 0.2) + 0.2 * (w - 0.5);
      } else if (toy === "rings") {
        const r = (n % 2 ? 0.75 : 0.3) + 0.25 * (v - 0.5), t = 2 * Math.PI * u;
        a = r * Math.cos(t);
        b = r * Math.sin(t);
      } else if (toy === "spirals") {
        const r = 0.12 + 0.75 * u, t = 4.5 * u + (n % 2 ? Math.PI : 0);
        a = r * Math.cos(t) + 0.08 * (v - 0.5);
        b = r * Math.sin(t) + 0.08 * (w - 0.5);
      } else {
        a = (0.08 + 0.8 * u) * (w < 0.5 ? -1 : 1);
        b = (0.08 + 0.8 * v) * (w < 0.5 ? -1 : 1) * side;
      }
      x.set([a, b, 1], n * D_IN);
    }
    return { x, y, count: EXAMPLES };
  }

  /* ---- Networks. */

  const sizes = (spec) => [D_IN, ...Array(spec.depth - 1).fill(spec.width), 1];

  /* Glorot's uniform draw, each number rounded as the package's float32 is. */
  function initial(spec, name, layers) {
    const draw = stream(spec.seed, name), size = sizes(spec);
    return Array.from({ length: layers }, (_, l) => {
      const limit = Math.fround(Math.sqrt(6 / (size[l] + size[l + 1]))), data = new Float64Array(size[l] * size[l + 1]);
      for (let i = 0; i < data.length; i++) data[i] = Math.fround((2 * draw() - 1) * limit);
      return data;
    });
  }

  function affine(z, weight, count, from, to) {
    const q = new Float64Array(count * to);
    for (let n = 0; n < count; n++) {
      for (let i = 0; i < from; i++) {
        const a = z[n * from + i];
        if (a !== 0) for (let j = 0, w = i * to, o = n * to; j < to; j++) q[o + j] += a * weight[w + j];
      }
    }
    return q;
  }

  const hard = (q) => q.map((v) => (v > 0 ? 1 : 0));
  const soft = (q) => q.map((v) => (1 + EXCESS) / (1 + Math.exp(-SLOPE * v)));
  const times = (q, g) => q.map((v, i) => (g[i] === 0 ? 0 : v * g[i]));

  /* Hidden layers of a network that gates itself: what enters each, and pre-activations q. */
  function alone(spec, weights, x, count) {
    const size = sizes(spec), inputs = [x], q = [];
    for (let l = 0; l < spec.depth - 1; l++) {
      q.push(affine(inputs[l], weights[l], count, size[l], size[l + 1]));
      inputs.push(q[l].map((v) => (v > 0 ? v : 0)));
    }
    return { inputs, q };
  }

  function valueInput(spec, x) {
    return spec.ones ? new Float64Array(x.length).fill(1) : x;
  }

  /* Everything at some points: the gating network's q, gates as the value network has them, outputs. */
  function evaluate(model, x, count) {
    const { spec, value } = model, size = sizes(spec), last = spec.depth - 1;
    const own = alone(spec, model.feature || value, x, count);
    const made = own.q.map(spec.regime === "DL" ? soft : hard), gates = spec.order.map((l) => made[l]);
    const inputs = [valueInput(spec, x)], q = [];
    for (let l = 0; l < last; l++) {
      q.push(affine(inputs[l], value[l], count, size[l], size[l + 1]));
      inputs.push(times(q[l], gates[l]));
    }
    return { own, made, gates, inputs, q, output: affine(inputs[last], value[last], count, size[last], 1) };
  }

  /* ---- Learning: full batches, (y_hat - y)^2 on average, Adam. */

  /* A model before its first step; in FL on these learnt weights, or else on those that a teacher learns now. */
  function start(spec, learnt) {
    const last = spec.depth - 1, model = { spec, step: 0, feature: null, data: examples(spec.toy, spec.seed) };
    if (spec.regime === "ReLU") model.value = initial(spec, "feature", spec.depth);
    else {
      model.value = initial(spec, "value", spec.depth);
      if (spec.regime === "FR-DI") model.feature = model.value.slice(0, last).map((w) => w.slice());
      else if (spec.regime !== "FL") model.feature = initial(spec, "feature", last);
      else if (learnt) model.feature = learnt.slice(0, last);
      else {
        const teacher = start(valid({ ...spec, regime: spec.from, order: null, ones: false }));
        while (teacher.step < spec.teacher) step(teacher);
        model.feature = (teacher.feature || teacher.value).slice(0, last);
      }
    }
    const trained = spec.regime === "DL" ? [...model.value, ...model.feature] : model.value;
    model.moments = trained.map((w) => [w, new Float64Array(w.length), new Float64Array(w.length)]);
    return model;
  }

  /* The gradient of a weight from what entered it and what its outputs ask for; and what its inputs are asked for. */
  function back(z, weight, dq, count, from, to) {
    const dw = new Float64Array(from * to), dz = new Float64Array(count * from);
    for (let n = 0; n < count; n++) {
      for (let i = 0; i < from; i++) {
        const a = z[n * from + i];
        let sum = 0;
        for (let j = 0, w = i * to, o = n * to; j < to; j++) {
          dw[w + j] += a * dq[o + j];
          sum += weight[w + j] * dq[o + j];
        }
        dz[n * from + i] = sum;
      }
    }
    return { dw, dz };
  }

  function gradients(model) {
    const { spec, value, feature, data } = model, size = sizes(spec), last = spec.depth - 1, count = data.count;
    const pass = evaluate(model, data.x, count), grads = [], asked = [];
    let loss = 0, dq = pass.output.map((o, n) => (2 * (o - data.y[n])) / count), dz;
    for (let n = 0; n < count; n++) loss += (pass.output[n] - data.y[n]) ** 2;
    for (let l = last; l >= 0; l--) {
      ({ dw: grads[l], dz } = back(pass.inputs[l], value[l], dq, count, size[l], size[l + 1]));
      if (l === 0) break;
      if (spec.regime === "DL") asked[spec.order[l - 1]] = dz.map((v, i) => v * pass.q[l - 1][i]);
      dq = times(dz, pass.gates[l - 1]);
    }
    if (spec.regime === "DL") {
      dz = null;
      for (let l = last - 1; l >= 0; l--) {
        const q = pass.own.q[l], made = pass.made[l], top = 1 + EXCESS, through = dz;
        dq = asked[l].map((v, i) => v * SLOPE * made[i] * (1 - made[i] / top) + (through && q[i] > 0 ? through[i] : 0));
        ({ dw: grads[spec.depth + l], dz } = back(pass.own.inputs[l], feature[l], dq, count, size[l], size[l + 1]));
      }
    }
    return { loss: loss / count, grads };
  }

  /* One step of Adam; the loss before it. */
  function step(model) {
    const { loss, grads } = gradients(model), t = ++model.step;
    const rate = RATE / (1 - BETA1 ** t), root = Math.sqrt(1 - BETA2 ** t);
    model.moments.forEach(([w, m, v], k) => {
      for (let i = 0, g = grads[k]; i < w.length; i++) {
        m[i] += (1 - BETA1) * (g[i] - m[i]);
        v[i] = BETA2 * v[i] + (1 - BETA2) * g[i] * g[i];
        w[i] -= (rate * m[i]) / (Math.sqrt(v[i]) / root + EPSILON);
      }
    });
    return loss;
  }

  /* ---- What is read off a model. */

  /* One point: its output, its gates, the mean activity of its paths, and its row of the neural path kernel. */
  function probe(model, a, b) {
    const { spec, data } = model, x = Float64Array.of(a, b, 1), W = spec.width;
    const here = evaluate(model, x, 1), all = evaluate(model, data.x, data.count);
    const vx = valueInput(spec, x), vs = valueInput(spec, data.x), row = new Float64Array(data.count);
    for (let n = 0; n < data.count; n++) {
      row[n] = vx[0] * vs[3 * n] + vx[1] * vs[3 * n + 1] + vx[2] * vs[3 * n + 2];
      here.gates.forEach((g, l) => {
        let overlap = 0;
        for (let i = 0; i < W; i++) overlap += g[i] * all.gates[l][n * W + i];
        row[n] *= overlap;
      });
    }
    const share = here.gates.reduce((s, g) => (s * g.reduce((t, v) => t + v, 0)) / W, 1);
    return { output: here.output[0], gates: here.gates, share, row };
  }

  /* Loss and the fraction of the examples on their own side. */
  function score(model) {
    const { data } = model, { output } = evaluate(model, data.x, data.count);
    let loss = 0, right = 0;
    output.forEach((o, n) => {
      loss += (o - data.y[n]) ** 2 / data.count;
      right += o > 0 === data.y[n] > 0;
    });
    return { loss, accuracy: right / data.count };
  }

  /* Numbers that are equal exactly where all gates of some layers are, for each of some points; and how many differ. */
  function regions(q, count, width) {
    const ids = new Uint32Array(count), seen = new Map();
    for (let n = 0; n < count; n++) {
      let key = "";
      for (const layer of q) {
        let bits = 0;
        for (let i = 0; i < width; i++) bits = bits * 2 + (layer[n * width + i] > 0);
        key += String.fromCharCode(bits);
      }
      if (!seen.has(key)) seen.set(key, seen.size);
      ids[n] = seen.get(key);
    }
    return { ids, number: seen.size };
  }

  globalThis.PlaygroundNumbers = { REGIMES, TOYS, LIMITS, DEFAULTS, parse, valid, query, stream, examples, start, step,
    evaluate, probe, score, regions };
})();
