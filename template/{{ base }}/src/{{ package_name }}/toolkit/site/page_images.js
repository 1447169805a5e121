// What the form of an image takes: the pixels of a file, upright, on white, in its own colours.
const problems = (form) => (form.has("file") ? [] : [{ loc: ["body", "file"], msg: "Field required" }]);

async function given(form) {
  const image = await createImageBitmap(form.get("file"), { colorSpaceConversion: "none", premultiplyAlpha: "none" })
    .catch(() => { throw new Error("This is not an image that this browser reads."); });
  const { width, height } = image, most = state.model.schema.image.max_megapixels;
  if (width * height > most * 1e6) throw new Error(`The image has more than ${most} million pixels. Take a smaller one.`);
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height), bytes = new Uint8Array(3 * width * height);
  for (let i = 0; i < bytes.length; i++) bytes[i] = data[i + Math.floor(i / 3)]; // without the fourth, opacity
  return { width, height, channels: 3, data: bytes };
}

