// An image to be classified: dropped, pasted, chosen, or taken with the camera.
Object.assign(extension, {
  kind: (schema) => schema.format === "binary" || schema.contentMediaType ? "file" : null,
  control: (kind, id) => kind === "file" ? make("input", { id, type: "file", accept: "image/*" }) : null,
  added(kind, box, input) { if (kind === "file") makeDroppable(box, input); },
  async fill(kind, input, value) {
    if (kind !== "file") return false;
    if (String(value).startsWith("data:")) {
      const blob = await (await fetch(value)).blob();
      choose(input, new File([blob], "example.png", { type: blob.type }));
    }
    return true;
  },
  why: (told, sent) => told.map ? seen(told, sent.get("file")) : null,
  collect() {
    if (!state.fields.some(({ kind }) => kind === "file")) return null;
    const form = new FormData();
    for (const { name, kind, input } of state.fields) {
      if (kind === "file" && input.files.length) form.append(name, input.files[0]);
      else if (kind !== "file" && input.value !== "") form.append(name, input.value);
    }
    return form;
  },
});

// The image, and over it where covering costs the answer its probability.
function seen({ explained, map }, file) {
  const most = Math.max(...map.flat()), points = (100 * most).toFixed(1);
  const heat = make("canvas", { width: map.length, height: map.length }), context = heat.getContext("2d");
  map.forEach((row, y) => row.forEach((fall, x) => {
    context.fillStyle = `rgb(226 80 20 / ${0.75 * Math.max(0, fall / (most || 1))})`;
    context.fillRect(x, y, 1, 1);
  }));
  const image = make("img", { alt: "The chosen image with the parts that the answer rests on", src: URL.createObjectURL(file) });
  return make("div", {},
    make("div", { className: "seen" }, image, most < 0.005 ? "" : heat),
    make("p", { className: "soft" }, most < 0.005
      ? `Covering any one part changes the probability of “${explained}” by less than half a point.`
      : `Where it is red, covering a part lowers the probability of “${explained}”, by up to ${points} points.`));
}

function choose(input, file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change"));
}

function makeDroppable(box, input) {
  const image = make("img", { alt: "The chosen image", hidden: true });
  const zone = make("div", { className: "drop" }, "Drop an image here, paste one, or choose a file",
    make("div", {}, input), image);
  box.querySelector("label").after(zone);
  image.addEventListener("load", () => image.classList.toggle("large", image.naturalWidth > 128));
  input.addEventListener("change", () => {
    image.hidden = !input.files.length;
    if (input.files.length) image.src = URL.createObjectURL(input.files[0]);
  });
  const take = (event, data) => {
    if (!data || !data.files.length) return;
    event.preventDefault();
    choose(input, data.files[0]);
    byId("form").requestSubmit();
  };
  // Anywhere on the page: an image dropped beside the box would leave the page otherwise.
  document.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  document.addEventListener("dragleave", () => zone.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event, event.dataTransfer);
  });
  document.addEventListener("paste", (event) => take(event, event.clipboardData));
  if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia) {
    const button = make("button", { type: "button", id: "camera" }, "Use the camera");
    button.addEventListener("click", () => useCamera(zone, button, input));
    zone.append(make("div", { className: "row" }, button));
  }
}

async function useCamera(zone, button, input) {
  button.disabled = true;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    const video = make("video", { autoplay: true, muted: true, playsInline: true, srcObject: stream });
    const shoot = make("button", { type: "button", id: "shoot", className: "main" }, "Take the image");
    zone.append(video, make("div", { className: "row" }, shoot));
    shoot.addEventListener("click", () => {
      const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      stream.getTracks().forEach((track) => track.stop());
      video.remove();
      shoot.parentElement.remove();
      button.disabled = false;
      canvas.toBlob((blob) => {
        choose(input, new File([blob], "camera.jpg", { type: "image/jpeg" }));
        byId("form").requestSubmit();
      }, "image/jpeg", 0.92);
    }, { once: true });
  } catch (error) {
    button.disabled = false;
    showProblem(0, { detail: `The camera cannot be used: ${error.message}` });
  }
}

