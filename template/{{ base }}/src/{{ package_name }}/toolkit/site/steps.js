// A record to the model's row of numbers: the steps of `table_of_steps`, worked off without numpy.
// Values are numbers (booleans 0 and 1, dates microseconds since 1970), strings, or null where missing.
const DAY = 86_400_000_000;
const floor = Math.floor;
const truth = (x) => (typeof x === "string" ? x !== "" : x === null ? false : +x !== 0); // NaN is true
const same = (a, b) =>
  typeof a === "string" || typeof b === "string" || a === null || b === null ? a === b : +a === +b;

// As numpy computes it: the remainder has the divisor's sign.
function divided(a, b) {
  if (b === 0) return [a / b, NaN];
  let rest = a % b, whole = (a - rest) / b;
  if (rest !== 0 && b < 0 !== rest < 0) { rest += b; whole -= 1; }
  const down = floor(whole);
  return [whole - down > 0.5 ? down + 1 : down, rest];
}

function rounded(x) { // half to even
  const down = floor(x), rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

const OPERATIONS = {
  add: (a, b) => (typeof a === "string" ? a + b : +a + +b), subtract: (a, b) => a - b,
  multiply: (a, b) => a * b, divide: (a, b) => a / b,
  floor_divide: (a, b) => divided(+a, +b)[0], remainder: (a, b) => divided(+a, +b)[1],
  power: (a, b) => (+a === 1 || +b === 0 ? 1 : a ** b), negative: (a) => -a, absolute: Math.abs,
  sign: Math.sign, sqrt: Math.sqrt, square: (a) => a * a, exp: Math.exp, expm1: Math.expm1,
  log: Math.log, log1p: Math.log1p, log2: Math.log2, log10: Math.log10, sin: Math.sin, cos: Math.cos,
  tan: Math.tan, arctan2: Math.atan2, hypot: Math.hypot, floor, ceil: Math.ceil, trunc: Math.trunc,
  rint: rounded, minimum: (a, b) => Math.min(a, b), maximum: (a, b) => Math.max(a, b),
  less: (a, b) => a < b, less_equal: (a, b) => a <= b, greater: (a, b) => a > b,
  greater_equal: (a, b) => a >= b, equal: same, not_equal: (a, b) => !same(a, b),
  isnan: (a) => +a !== +a, isnat: (a) => +a !== +a, isfinite: (a) => Number.isFinite(+a),
  isinf: (a) => Math.abs(a) === Infinity, logical_not: (a) => !truth(a),
  logical_and: (a, b) => truth(a) && truth(b), logical_or: (a, b) => truth(a) || truth(b),
  logical_xor: (a, b) => truth(a) !== truth(b), cut: (at, size) => floor(at / size) * size,
};

// From a row to an expression's value.
function evaluator(expression, kinds) {
  const [operation, ...given] = expression;
  if (operation === "column") {
    const [name] = given, text = kinds[name] === "category" || kinds[name] === "text";
    return text ? (row) => row[name] : (row) => row[name] ?? NaN;
  }
  const constant = operation === "nonfinite" ? { nan: NaN, inf: Infinity, "-inf": -Infinity }[given[0]] : given[0];
  if (operation === "constant" || operation === "nonfinite") return () => constant;
  const [first, second, third] = given.map((each) => evaluator(each, kinds));
  if (operation === "where") return (row) => (truth(first(row)) ? second(row) : third(row));
  if (operation === "isin") return (row) => { const found = first(row); return second(row).some((each) => same(found, each)); };
  const work = OPERATIONS[operation];
  return second ? (row) => work(first(row), second(row)) : (row) => work(first(row));
}

function datePart(part, at) {
  const day = floor(at / DAY), date = new Date(day * 86_400_000);
  switch (part.part) {
    case "hour": return floor((at - day * DAY) / 3_600_000_000);
    case "minute_of_day": return floor((at - day * DAY) / 60_000_000);
    case "weekday": return (((day + 3) % 7) + 7) % 7;
    case "month": return date.getUTCMonth() + 1;
    case "year": return date.getUTCFullYear();
    case "day_of_year": return day - new Date(date).setUTCMonth(0, 1) / 86_400_000 + 1;
  }
  return day - microseconds(part.start) / DAY;
}

function weights(part, text) {
  const row = new Array(part.idf.length).fill(0);
  for (const word of (text ?? "").toLowerCase().match(/[\p{L}\p{N}_]{2,}/gu) ?? []) {
    if (Object.hasOwn(part.words, word)) row[part.words[word]] += part.idf[part.words[word]];
  }
  const length = Math.sqrt(row.reduce((sum, each) => sum + each * each, 0));
  return length ? row.map((each) => each / length) : row;
}

const bounded = (x) => Math.max(-1e19, Math.min(1e19, x));

// What puts a part's numbers at the end of a row.
function writer(part) {
  if (part.kind === "text") return (row, given) => { row.push(...weights(part, given)); };
  if (part.kind === "date") return (row, given) => { row.push(given === null ? part.fill : datePart(part, given)); };
  if (part.kind === "category") {
    const codes = new Map(Object.entries(part.categories)), { size } = codes;
    return (row, given) => { row.push(given === null ? size + 1 : codes.get(given) ?? size); };
  }
  return (row, given) => {
    const missing = given === null || !Number.isFinite(+given);
    const filled = missing ? part.fill : +given;
    row.push(bounded("center" in part ? (filled - part.center) / part.scale : filled));
    if (part.flag) row.push(+missing);
  };
}

// ISO 8601 without a zone, or with one, to microseconds; NaN where it is none.
export function microseconds(text) {
  const found = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:?\d\d)?)?$/.exec(text);
  if (!found) return NaN;
  const [, day, minute = "00:00", second = ":00", fraction = "", zone = "Z"] = found;
  return Date.parse(`${day}T${minute}${second}${zone}`) * 1000 + Number(fraction.padEnd(6, "0"));
}

export class Steps {
  constructor({ steps, lookups }) {
    this.steps = steps;
    this.features = Object.entries(steps.features).map(([name, each]) => [name, evaluator(each, steps.columns)]);
    this.writers = steps.parts.map((part) => [part.name, writer(part)]);
    this.lookups = lookups.tables.map((table) => {
      const keys = table.rows.map(([key]) => JSON.stringify(key.map((each, i) => this.read(table.key[i], each))));
      return { ...table, found: new Map(keys.map((key, i) => [key, table.rows[i][1]])) };
    });
    this.asOf = lookups.as_of;
  }

  // What is said of a column, as the steps take it.
  read(name, given) {
    if (given === null || given === undefined || given === "") return null;
    const kind = this.steps.columns[name];
    if (kind === "date") return microseconds(given);
    return kind === "category" || kind === "text" ? String(given).trim() : Number(given);
  }

  // A record of JSON values, read and filled from the snapshot, and what is to be warned of.
  filled(record) {
    const row = {}, warnings = [], { columns, known, seen } = this.steps;
    for (const name of Object.keys(columns)) row[name] = this.read(name, record[name]);
    for (const { key, columns: names, found } of this.lookups) {
      const gaps = names.filter((name) => row[name] === null);
      if (!gaps.length) continue;
      const values = found.get(JSON.stringify(key.map((name) => row[name])));
      for (const name of values ? gaps : []) row[name] = this.read(name, values[names.indexOf(name)]);
      if (!values) {
        const asked = key.map((name) => `${name}=${record[name] ?? "nothing"}`).join(", ");
        warnings.push(`${names.join(", ")}: the snapshot${this.asOf ? ` of ${this.asOf}` : ""} has nothing for ${asked}.`);
      }
    }
    for (const [name, values] of Object.entries(known)) {
      if (row[name] === null || values.includes(row[name])) continue;
      warnings.push(`${name}: the training data has no '${row[name]}'; it counts as unknown.`);
    }
    for (const [name, bounds] of Object.entries(seen)) {
      const [low, high] = bounds.map((bound) => this.read(name, bound));
      if (row[name] === null || (row[name] >= low && row[name] <= high)) continue;
      warnings.push(`${name}: ${record[name]} is outside the training data, ${bounds.join(" to ")}.`);
    }
    return { row, warnings };
  }

  // The numbers of a filled row.
  encode(row) {
    const all = { ...row }, numbers = [];
    for (const [name, feature] of this.features) all[name] = feature(row);
    for (const [name, write] of this.writers) write(numbers, all[name]);
    return numbers;
  }
}
