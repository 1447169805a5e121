// The model in the page: the service's answers and explanations, from the same files.
import { open, parsed, respond, stamp } from "./respond.js";
import { Steps } from "./steps.js";

// As toolkit/tables/explanation.py, which says where the method is from.
const MOST_ROWS = 30_000, MOST_ROUNDS = 32, SEED = 1, BATCH = 2000;

export function generator(seed) { // mulberry32
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

function shuffled(count, draw) {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last--) {
    const other = draw(last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

export class Model {
  constructor(ort, session, told, content) {
    Object.assign(this, { ort, session, told, steps: new Steps(content), references: content.references });
  }

  // Raw outputs of filled rows: probabilities, or one value.
  async outputs(rows) {
    const found = [];
    for (let start = 0; start < rows.length; start += BATCH) {
      const part = rows.slice(start, start + BATCH).map((row) => this.steps.encode(row));
      const x = new this.ort.Tensor("float32", Float32Array.from(part.flat()), [part.length, part[0].length]);
      const output = Object.values(await this.session.run({ x }))[0], wide = output.dims[1] ?? 1;
      for (let i = 0; i < part.length; i++) found.push(Array.from(output.data.subarray(i * wide, (i + 1) * wide)));
    }
    return found;
  }

  async predict(records) {
    const filled = records.map((record) => this.steps.filled(record));
    const outputs = await this.outputs(filled.map(({ row }) => row));
    return outputs.map((row, i) => ({ ...respond(this.told, row), warnings: filled[i].warnings, ...stamp(this.told) }));
  }

  async explain(record) {
    const { row } = this.steps.filled(record), names = Object.keys(this.steps.steps.columns);
    const references = Object.fromEntries(
      names.map((name) => [name, this.references[name].map((each) => this.steps.read(name, each))]));
    const [output] = await this.outputs([row]), { labels, threshold } = this.told;
    // Of two classes the positive one; of more, the one that is predicted.
    const explained = !labels ? 0 : threshold !== null ? 1 : output.indexOf(Math.max(...output));
    const width = names.length, count = references[names[0]].length, draw = generator(SEED);
    const rounds = Math.max(1, Math.min(MOST_ROUNDS, Math.floor(MOST_ROWS / (2 * (width + 1) * count))));
    const orders = [], rows = [];
    for (let round = 0; round < rounds; round++) {
      const drawn = names.map(() => shuffled(count, draw));
      for (let pair = 0; pair < count; pair++) {
        const order = shuffled(width, draw);
        for (const way of [order, [...order].reverse()]) {
          const at = Object.fromEntries(names.map((name, j) => [name, references[name][drawn[j][pair]]]));
          orders.push(way);
          rows.push({ ...at });
          for (const j of way) {
            at[names[j]] = row[names[j]];
            rows.push({ ...at });
          }
        }
      }
    }
    const found = (await this.outputs(rows)).map((each) => each[explained]);
    const added = new Array(width).fill(0);
    let base = 0;
    orders.forEach((order, i) => {
      const start = i * (width + 1);
      base += found[start] / orders.length;
      order.forEach((j, step) => { added[j] += (found[start + step + 1] - found[start + step]) / orders.length; });
    });
    return {
      explained: labels ? labels[explained] : this.told.target,
      base,
      value: found[width],
      contributions: Object.fromEntries(names.map((name, j) => [name, added[j]])),
      ...stamp(this.told),
    };
  }
}

export async function load(read, runtime) {
  const [told, content] = await Promise.all([parsed(read, "answers.json"), parsed(read, "steps.json")]);
  const { ort, session } = await open(read, runtime, "model.onnx");
  return new Model(ort, session, told, content);
}
