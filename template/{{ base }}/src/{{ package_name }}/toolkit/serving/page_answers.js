// An answer from documents: its marks lead to the passages, whose quoted sentences are marked.
Object.assign(extension, {
  told: (answer) => withMarks(String(answer.answer), answer.citations || []),
  parts: (answer) => [
    ...(answer.reason ? [make("p", { className: "soft" }, answer.reason)] : []),
    ...(answer.citations && answer.citations.length ? [passages(answer.citations)] : []),
  ],
  facts: (answer) => [["Confidence", answer.confidence === null ? "none" : percent(answer.confidence)]],
  shown() {
    for (const mark of document.querySelectorAll(".passages mark:first-of-type")) {
      mark.parentElement.scrollTop = mark.offsetTop - mark.parentElement.offsetTop - 24;
    }
  },
});

// Texts of documents and answers are put in as text, never as HTML.
function withMarks(text, citations) {
  const place = new Map(citations.map((cited, position) => [cited.id, position + 1]));
  const told = make("p", { className: "prose", dir: "auto" });
  let last = 0;
  for (const found of text.matchAll(/\[([^\]\s]+)\]/g)) {
    const number = place.get(found[1]);
    if (!number) continue;
    told.append(text.slice(last, found.index),
      make("a", { href: "#passage-" + number, title: found[1] }, String(number)));
    last = found.index + found[0].length;
  }
  told.append(text.slice(last));
  return told;
}

function withQuotes(text, quotes) {
  const shown = make("p", { dir: "auto", tabIndex: 0 }); // long ones scroll
  const escaped = quotes.map((quote) => quote.trim().split(/\s+/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+"));
  let last = 0;
  if (escaped.length) {
    for (const found of text.matchAll(new RegExp(escaped.join("|"), "g"))) {
      shown.append(text.slice(last, found.index), make("mark", {}, found[0]));
      last = found.index + found[0].length;
    }
  }
  shown.append(text.slice(last));
  return shown;
}

function passages(citations) {
  return make("ol", { className: "passages" }, ...citations.map((cited, position) =>
    make("li", { id: "passage-" + (position + 1) },
      make("b", { dir: "auto" }, `${position + 1}. ${cited.title}`), " ",
      make("span", { className: "soft" }, cited.id), withQuotes(cited.text, cited.quotes))));
}

