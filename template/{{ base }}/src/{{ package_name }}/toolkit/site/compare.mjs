// Answers the records of a file with the model of a site: node compare.mjs FOLDER RECORDS
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [folder, source] = process.argv.slice(2);
const place = pathToFileURL(`${folder}/`);
const { load } = await import(new URL("model.js", place));
const model = await load(
  (name) => readFile(new URL(name, place)), (name) => import(new URL(`runtime/${name}`, place)));
const { records, explained, data } = JSON.parse(await readFile(source, "utf-8"));
const all = await readFile(data);
const given = records.map((each) => ("end" in each ? { ...each, data: all.subarray(each.start, each.end) } : each));
const answers = await model.predict(given);
const explanations = [];
for (const each of given.slice(0, explained)) explanations.push(await model.explain(each));
process.stdout.write(JSON.stringify({ answers, explanations }));
