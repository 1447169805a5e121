// What the form of a table takes.
const given = (record) => record;

// What the service refuses, for the columns of a record.
function problems(record) {
  return state.fields.flatMap(({ name, kind, required }) => {
    const value = record[name], column = state.columns[name], say = (msg) => [{ loc: ["body", name], msg }];
    if (value === null || value === undefined || value === "") return required ? say("is missing") : [];
    if (kind === "number" && typeof value !== "number") return say("is not a number");
    if (kind === "date" && Number.isNaN(Date.parse(value))) return say("is not a date");
    const [at, low, high] = kind === "date"
      ? [value, column.min, column.max].map((each) => each && Date.parse(each)) : [value, column.min, column.max];
    const outside = (low !== null && at < low) || (high !== null && at > high);
    return outside && (kind === "number" || kind === "date") ? say(`is outside ${column.min} to ${column.max}`) : [];
  });
}

