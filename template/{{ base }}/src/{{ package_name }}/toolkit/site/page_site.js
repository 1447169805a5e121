// The model runs in this page: its files and its runtime are fetched when the page is idle, or asked if large.
const LARGE = 24e6; // bytes
let loading = null;
const loaded = () => loading ??= import("./model.js").then(({ load }) => load(
  async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer()), (name) => import(`./runtime/${name}`)));

Object.assign(backend, {
  async describe() {
    const form = await (await fetch("form.json")).json();
    if (form.bytes < LARGE) (window.requestIdleCallback ?? setTimeout)(loaded);
    else byId("shown").append(make("p", { className: "soft" },
      `The first answer fetches the model and its runtime: ${(form.bytes / 1e6).toFixed(0)} MB, less where the server compresses.`));
    return form;
  },
  async post(path, sent) {
    const detail = problems(sent);
    if (detail.length) return { status: 422, body: { detail } };
    const [model, asked] = [await loaded(), await given(sent)];
    if (path === "explain") return { status: 200, body: await model.explain(asked) };
    return { status: 200, body: (await model.predict([asked]))[0] };
  },
});
