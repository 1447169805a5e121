// Answers given beforehand; of any other question the passages that share its words, as BM25 ranks them.
// The words of a text are those of toolkit/documents/tokenize.py, which says why; other signs are its own too.
const LONGEST = 100, CITED = 5, GRAM = { kana: 2, hangul: 2, unspaced: 3 }, WORD_GRAM = 5;
const HAN = "\\p{sc=Han}々〆〇", KANA = "\\p{sc=Katakana}ー", HIRAGANA = "\\p{sc=Hiragana}", HANGUL = "\\p{sc=Hangul}";
const UNSPACED = "\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}";
const LETTERS = `[[\\p{L}\\p{M}\\p{N}]--[${HAN}${KANA}${HIRAGANA}${UNSPACED}${HANGUL}]]`;
const WORD = new RegExp(`(?<han>[${HAN}]+)|(?<kana>[${KANA}]+)|(?<hiragana>[${HIRAGANA}]+)|(?<unspaced>[${UNSPACED}]+)` +
  `|(?<hangul>[${HANGUL}]+)|(?<word>_*${LETTERS}+(?:['’_]+${LETTERS}+)*_*)`, "gv");
const IN_WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]", DIGIT = "\\p{Nd}";
const CODE = new RegExp(`(?<!${IN_WORD})(?![\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}.\\/:\\-]*_)(?=[\\p{L}${DIGIT}.\\/:_\\-]*${DIGIT})` +
  `(?=[${DIGIT}.\\/:_\\-]*\\p{L})[\\p{L}${DIGIT}]+(?:[\\-\\/.:_][\\p{L}${DIGIT}]+)+(?!${IN_WORD})`, "gv");
const ENDINGS = ` です ます ますか ですか でした ました ません でしょうか している してください できます
    できますか られます されます ことが ことができます いつ どこ いくら どれくらい どの なに なんで から まで では には とは`;

const ascii = (text) => /^[\x00-\x7f]*$/.test(text);
const upper = (text) => text === text.toUpperCase() && text !== text.toLowerCase();
function grams(run, n) {
  const signs = [...run];
  return Array.from({ length: Math.max(signs.length - n, 0) + 1 }, (_, i) => signs.slice(i, i + n).join(""));
}
const ENDING = new Set(ENDINGS.trim().split(/\s+/).flatMap((each) => grams(each, 2)));

export class Words {
  constructor({ stop_words, by_stem, english, stemmers, stems }, newStemmer) {
    const of = (name) => (name ? newStemmer(name) : null);
    Object.assign(this, { stop: new Set(stop_words), by_stem, english, stems: new Map(Object.entries(stems)) });
    this.stemmers = { latin: of(stemmers.latin), other: of(stemmers.other) };
  }

  stem(word) {
    if (this.stems.has(word)) return this.stems.get(word);
    const stemmer = this.stemmers[/^\p{sc=Latin}/u.test(word) ? "latin" : "other"];
    return stemmer ? stemmer.stem(word) : word;
  }

  ofWord(given, shouted) {
    const word = given.startsWith("_") && given.endsWith("_") ? given.replace(/^_+|_+$/g, "") : given;
    const lower = word.toLowerCase();
    if ([...word].length === 1 && ascii(word) && !upper(word)) return [];
    if (this.stop.has(lower)) return upper(word) && !shouted && !["a", "i", "no", "not"].includes(lower) ? [word] : [];
    const stem = this.stem(lower);
    if (this.by_stem || [...lower].length < WORD_GRAM) return [stem];
    return [stem, ...grams(lower, WORD_GRAM).filter((gram) => gram !== stem)];
  }

  ofRun(run, kind) {
    if (kind === "han") return [...run].length > 1 ? [...run, ...grams(run, 2)] : [run];
    if (kind !== "hiragana") return grams(run, GRAM[kind]);
    return grams(run, 2).filter((gram) => [...gram].length > 1 && !ENDING.has(gram));
  }

  terms(given) {
    const text = given.normalize("NFKC"), shouted = upper(text);
    const found = [...text.matchAll(CODE)].map(([code]) => code.toLowerCase());
    for (const { groups } of text.matchAll(WORD)) {
      const [kind, run] = Object.entries(groups).find(([, each]) => each !== undefined);
      found.push(...(kind === "word" ? this.ofWord(run, shouted) : this.ofRun(run, kind)));
    }
    return found.filter((term) => !(this.english && term.length === 1 && ascii(term)));
  }
}

export class Model {
  constructor(told, words, given, passages, vocabulary, counts) {
    Object.assign(this, { told, words, passages, given: new Map(Object.entries(given)) });
    this.columns = new Map(vocabulary.map((word, column) => [word, column]));
    const all = counts.slice().buffer, starts = vocabulary.length + 1; // a copy begins at a multiple of four
    this.starts = new Int32Array(all, 0, starts);
    const size = this.starts[vocabulary.length];
    this.rows = new Int32Array(all, 4 * starts, size);
    this.scores = new Float32Array(all, 4 * (starts + size), size);
  }

  ranking(question) {
    const scores = new Float32Array(this.passages.length);
    for (const term of this.words.terms(question)) {
      const column = this.columns.get(term);
      if (column === undefined) continue;
      for (let at = this.starts[column]; at < this.starts[column + 1]; at++) scores[this.rows[at]] += this.scores[at];
    }
    const found = [...scores.keys()].filter((row) => scores[row] > 0);
    return found.sort((a, b) => scores[b] - scores[a] || a - b).slice(0, LONGEST).map((row) => [row, scores[row]]);
  }

  stamp() {
    return { model_version: this.told.model_version, prediction_timestamp: new Date().toISOString() };
  }

  async predict(records) {
    return records.map(({ question }) => {
      const known = this.given.get(question.trim().replace(/\s+/g, " "));
      const answer = known ?? {
        prediction: "found by words", needs_review: true, answered_by: "words", confidence: null,
        answer: "This page answers the listed questions only. These passages share the most words with yours:",
        reason: "A ranking by words alone (BM25), computed in this page: it knows no meaning, and not whether they answer.",
        citations: this.ranking(question).slice(0, CITED).map(([row, score]) => ({ row, score, quotes: [] })),
      };
      const citations = answer.citations.map(({ row, ...rest }) => ({ ...this.passages[row], ...rest }));
      return { ...answer, citations, ...this.stamp() };
    });
  }

  async explain({ question }) {
    return { ranking: this.ranking(question) };
  }
}

export async function load(read, runtime) {
  const parsed = async (name) => JSON.parse(new TextDecoder().decode(await read(name)));
  const names = ["answers.json", "given.json", "passages.json", "words.json"];
  const [[told, given, passages, vocabulary], counts, { newStemmer }] = await Promise.all(
    [Promise.all(names.map(parsed)), read("counts.bin"), runtime("stemmer.js")]);
  return new Model(told, new Words(told, newStemmer), given, passages, vocabulary, new Uint8Array(counts));
}
