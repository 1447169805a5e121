// The model in the page: an image resized and described as the service does it, and answered.
// An image is { width, height, channels, data }: bytes row by row, channels innermost.
import { open, parsed, respond, stamp } from "./respond.js";

// As toolkit/image_models/occlusion.py and hog.py, which say where the methods are from.
const PARTS = 8, COVER = 2, COARSE = 3, LARGEST = 512, BINS = 9, CELLS = 8, CLIP = 0.2;
const BITS = 22; // of a weight, as Pillow rounds it

// The weights of the pixels that make each pixel of an edge: the triangle of Pillow's Resample.c.
function weights(from, to) {
  const scale = from / to, reach = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const center = (place + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - reach + 0.5)), high = Math.min(from, Math.trunc(center + reach + 0.5));
    const row = Array.from({ length: high - low }, (_, i) => Math.max(0, 1 - Math.abs((low + i - center + 0.5) / reach)));
    const sum = row.reduce((total, each) => total + each, 0);
    return [low, row.map((each) => Math.trunc(0.5 + (each / sum) * 2 ** BITS))];
  });
}

// `lines` lines of `to.length` pixels: pixels of a line lie `step` bytes apart, lines `apart`.
function squeezed(data, to, lines, channels, step, apart, place) {
  const found = new Uint8Array(to.length * lines * channels);
  for (let line = 0; line < lines; line++) {
    to.forEach(([low, row], at) => {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 2 ** (BITS - 1);
        for (let i = 0; i < row.length; i++) sum += row[i] * data[line * apart + (low + i) * step + channel];
        found[place(line, at) * channels + channel] = Math.min(255, Math.floor(sum / 2 ** BITS));
      }
    });
  }
  return found;
}

// Bilinear with antialiasing as Pillow's `resize`: first along rows, then along columns. To the bit, but for
// images far higher than wide, where Pillow 13 takes the columns first: a level of 255 then.
export function resized({ width, height, channels, data }, wide, high) {
  const rows = squeezed(data, weights(width, wide), height, channels, channels, width * channels, (y, x) => y * wide + x);
  const all = squeezed(rows, weights(height, high), wide, channels, wide * channels, channels, (x, y) => y * wide + x);
  return { width: wide, height: high, channels, data: all };
}

// As Pillow's conversion to "L" (ITU-R 601-2).
export function grey({ width, height, data }) {
  const found = new Uint8Array(width * height);
  for (let i = 0; i < found.length; i++) {
    found[i] = (data[3 * i] * 19595 + data[3 * i + 1] * 38470 + data[3 * i + 2] * 7471 + 0x8000) >> 16;
  }
  return { width, height, channels: 1, data: found };
}

const unit = (row) => {
  const length = Math.sqrt(row.reduce((sum, each) => sum + each * each, 1e-6));
  return row.map((each) => each / length);
};

export function hog({ width: side, data }) {
  const root = Float64Array.from(data, (each) => Math.sqrt(each / 255));
  const slope = (at, step, place) => {
    const low = place > 0 ? at - step : at, high = place < side - 1 ? at + step : at;
    return (root[high] - root[low]) / ((high - low) / step);
  };
  const cell = Math.max(4, Math.floor(side / CELLS)), count = Math.floor(side / cell), edge = count * cell;
  const cells = Array.from({ length: count * count }, () => new Array(BINS).fill(0));
  for (let y = 0; y < edge; y++) {
    for (let x = 0; x < edge; x++) {
      const at = y * side + x, dy = slope(at, side, y), dx = slope(at, 1, x), strength = Math.hypot(dx, dy);
      const angle = Math.atan2(dy, dx), place = ((angle < 0 ? angle + Math.PI : angle) % Math.PI) * (BINS / Math.PI) - 0.5;
      const low = Math.floor(place), upper = (place - low) * strength;
      const votes = cells[Math.floor(y / cell) * count + Math.floor(x / cell)];
      votes[(low + BINS) % BINS] += strength - upper;
      votes[(low + 1) % BINS] += upper;
    }
  }
  const blocks = [];
  for (let y = 0; y + 1 < count; y++) {
    for (let x = 0; x + 1 < count; x++) {
      const four = [0, 1, count, count + 1].flatMap((step) => cells[y * count + x + step]);
      blocks.push(...unit(unit(four).map((each) => Math.min(each, CLIP))));
    }
  }
  return Float32Array.from(blocks);
}

const channelsFirst = ({ channels, data }, scale) => {
  const size = data.length / channels;
  return Float32Array.from(data, (_, i) => data[(i % size) * channels + Math.floor(i / size)] / scale);
};

// What the bundle's extractor gives, by its `kind`; toolkit/site/images.py knows the same kinds.
const KINDS = {
  pixels: (image) => Float32Array.from(image.data, (each) => each / 255),
  raw: (image) => channelsFirst(image, 255),
  hog,
};

// Of several grid points of an image, half to even as numpy rounds.
const edges = (size) => Array.from({ length: PARTS + 1 }, (_, i) => {
  const at = (size * i) / PARTS, low = Math.floor(at);
  return at - low < 0.5 || (at - low === 0.5 && low % 2 === 0) ? low : low + 1;
});

function covered(image, blurred, [left, right], [top, bottom]) {
  const data = new Uint8Array(image.data), wide = image.width * image.channels;
  for (let y = top; y < bottom; y++) {
    const from = y * wide + left * image.channels, to = y * wide + right * image.channels;
    data.set(blurred.data.subarray(from, to), from);
  }
  return { ...image, data };
}

export class Model {
  constructor(ort, told, session, backbone) {
    Object.assign(this, { ort, told, session, backbone });
  }

  async described(image) {
    const { kind, side, mode = kind === "hog" ? "L" : "RGB" } = this.told.view;
    const small = resized(mode === "L" ? grey(image) : image, side, side);
    if (kind !== "frozen") return KINDS[kind](small);
    const pixels = new this.ort.Tensor("float32", channelsFirst(small, 1), [1, 3, side, side]);
    return (await this.backbone.run({ pixels })).features.data;
  }

  async outputs(image) {
    const row = await this.described(image), x = new this.ort.Tensor("float32", row, [1, row.length]);
    return Array.from((await this.session.run({ x })).probabilities.data);
  }

  async predict(images) {
    const answers = [];
    for (const image of images) {
      answers.push({ ...respond(this.told, await this.outputs(image)), warnings: [], ...stamp(this.told) });
    }
    return answers;
  }

  async explain(image) {
    const shares = await this.outputs(image), { classes } = this.told;
    const code = classes.length === 2 ? 1 : shares.indexOf(Math.max(...shares));
    const longest = Math.max(image.width, image.height);
    const [width, height] = [image.width, image.height].map((edge) => Math.max(1, Math.floor((edge * LARGEST) / longest)));
    const shown = longest > LARGEST ? resized(image, width, height) : image;
    const blurred = resized(resized(shown, COARSE, COARSE), shown.width, shown.height);
    const whole = (await this.outputs(shown))[code], xs = edges(shown.width), ys = edges(shown.height);
    const total = Array.from({ length: PARTS }, () => new Array(PARTS).fill(0)), hits = total.map((row) => [...row]);
    for (let y = 0; y + COVER <= PARTS; y++) {
      for (let x = 0; x + COVER <= PARTS; x++) {
        const copy = covered(shown, blurred, [xs[x], xs[x + COVER]], [ys[y], ys[y + COVER]]);
        const fall = whole - (await this.outputs(copy))[code];
        for (let i = 0; i < COVER * COVER; i++) {
          total[y + Math.floor(i / COVER)][x + (i % COVER)] += fall;
          hits[y + Math.floor(i / COVER)][x + (i % COVER)] += 1;
        }
      }
    }
    const map = total.map((row, y) => row.map((each, x) => each / hits[y][x]));
    return { explained: classes[code], value: shares[code], map, ...stamp(this.told) };
  }
}

export async function load(read, runtime) {
  const told = await parsed(read, "answers.json"), { ort, session } = await open(read, runtime, "model.onnx");
  const backbone = told.view.kind === "frozen" ? (await open(read, runtime, "backbone.onnx")).session : null;
  return new Model(ort, told, session, backbone);
}
