// What `respond` in api.py says of a model's outputs, said in the page.

// The offset of a prediction's bound, in a straight line between the fitted points.
function between(x, at, to) {
  if (x <= at[0]) return to[0];
  const i = at.findIndex((each) => each >= x);
  return i < 0 ? to[to.length - 1] : to[i - 1] + ((to[i] - to[i - 1]) * (x - at[i - 1])) / (at[i] - at[i - 1]);
}

function doubt(row, costs) {
  if (!costs) return 1 - Math.max(...row);
  return Math.min(costs.false_negative * row[1], costs.false_positive * (1 - row[1]));
}

export function respond({ classes, labels, threshold, interval, review }, row) {
  if (!classes) {
    const bounds = ["low", "high"].map((side) => row[0] + between(row[0], interval.at, interval[side]));
    const wide = bounds[1] - bounds[0];
    return { prediction: row[0], value: row[0], interval: bounds, needs_review: review.on && wide > review.cutoff };
  }
  let chosen = row.indexOf(Math.max(...row));
  if (threshold !== null) chosen = row[1] >= threshold ? 1 : 0;
  return {
    prediction: classes[chosen],
    probabilities: Object.fromEntries(labels.map((label, i) => [label, row[i]])),
    threshold,
    needs_review: review.on && doubt(row, review.costs) > review.cutoff,
  };
}

export function stamp(told) {
  return { model_version: told.model_version, prediction_timestamp: new Date().toISOString() };
}

// A graph of the model's files; `read` gives a file's bytes, `runtime` a module of onnxruntime-web.
export async function open(read, runtime, name) {
  const ort = await runtime("ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1; // threads would need headers that a static host does not send
  return { ort, session: await ort.InferenceSession.create(await read(name)) };
}

export const parsed = async (read, name) => JSON.parse(new TextDecoder().decode(await read(name)));
