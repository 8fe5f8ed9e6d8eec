/* A photo that somebody chose: its file, how it looks, and what the server says about it. */

import * as api from "./api.js";
import { sentence } from "./dom.js";

const MOST_BYTES = 15 * 2 ** 20; // of a picture: two of them fit into a request
const MOST_PIXELS = 25e6; // of a picture, as the API takes it
const MOST_DRAWN = 80e6; // pixels: a browser that draws more may run out of memory
const TRANSIENT = ["NoAnswer", "RateLimitExceeded", "Unavailable"]; // reasons that may be gone in a moment
const SHRUNK = 4096; // pixels along the longer side of what is shrunk here
const QUALITY = 0.92;

const WORDS = {
  checking: "Looking at it …",
  good: "Good to use",
  doubtful: "Usable, with a doubt",
  refused: "Cannot be used",
};

let count = 0;

export class Photo {
  /** kind: person or garment. file may be a promise; origin: where in the gallery it is; mask: a file. */
  constructor(kind, file, name, { origin = null, mask = null } = {}) {
    Object.assign(this, {
      id: ++count,
      kind,
      name,
      origin,
      mask,
      file: null,
      url: null,
      size: null,
      findings: [],
      status: "checking",
      transient: false,
    });
    this.examined = this.examine(file);
  }

  /** The name without its ending, as it is in the names of results. */
  get stem() {
    return (
      this.name.replace(/\.[a-z0-9]{1,5}$/i, "").replace(/[^\p{L}\p{N}._-]+/gu, "-") || this.kind
    );
  }

  get usable() {
    return this.status === "good" || this.status === "doubtful";
  }

  /** The verdict; good is only what was looked at. */
  get verdict() {
    const unknown = this.findings.some((finding) => finding.name === "person_unknown");
    return WORDS[this.status] + (unknown && this.status === "good" ? ", if a person is in it" : "");
  }

  /** The findings to see at once. */
  get doubts() {
    return this.findings.filter((finding) => finding.severity !== "note");
  }

  /** Those that are only good to know. */
  get notes() {
    return this.findings.filter((finding) => finding.severity === "note");
  }

  /** Why it cannot be used, and what to do, as sentences. */
  get reason() {
    const [{ text, remedy }] = this.findings.filter((finding) => finding.severity === "refuse");
    return [text, remedy]
      .filter(Boolean)
      .map((said) => sentence(said).replace(/\.?$/, "."))
      .join(" ");
  }

  /** Look at it here, then let the server do so; never throws. */
  async examine(given) {
    try {
      this.file = named(await given, this.name);
      const own = await this.prepare();
      this.findings = [...own, ...(await api.check(this.kind, this.file, this.mask))];
    } catch (error) {
      const ours = error instanceof api.Problem;
      if (!ours) console.error(error);
      const { name, message, remedy } = ours
        ? error
        : refused("This browser cannot read the picture.", "Save it as a JPEG.");
      this.transient = TRANSIENT.includes(name);
      this.findings = [{ severity: "refuse", text: message, remedy }];
    }
    const found = new Set(this.findings.map((finding) => finding.severity));
    this.status = found.has("refuse") ? "refused" : found.has("warn") ? "doubtful" : "good";
  }

  /** Its preview, and what had to be done so that it can be sent: findings. */
  async prepare() {
    if (!this.file.size) throw refused("The file is empty.", "Choose another one.");
    const url = URL.createObjectURL(this.file);
    const size = await measured(url); // from the file's beginning; nothing is drawn yet
    this.size = size;
    const pixels = size ? size.width * size.height : 0;
    const drawable = size && pixels <= MOST_DRAWN;
    if (drawable) this.url = url;
    else URL.revokeObjectURL(url);
    if (drawable && (this.file.size > MOST_BYTES || pixels > MOST_PIXELS))
      return [await this.shrink(size)];
    if (size && !drawable)
      throw refused(
        `${size.width} × ${size.height} pixels are more than the ${MOST_PIXELS / 1e6} million that the server takes, and too many to be shrunk here.`,
        "Save it smaller.",
      );
    if (this.file.size > MOST_BYTES)
      throw refused(
        `${megabytes(this.file)} MB are more than the server takes, and too much to be shrunk here.`,
        "Save it smaller, as a JPEG.",
      );
    return [];
  }

  async shrink({ width, height }) {
    const scale = Math.min(1, SHRUNK / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
    const bitmap = await createImageBitmap(this.file);
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // a JPEG has no transparency
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    const before = `${width} × ${height} pixels, ${megabytes(this.file)} MB`;
    this.file = named(
      await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY }),
      `${this.stem}.jpg`,
    );
    const text = `More than the server takes (${before}): it is sent as a JPEG of ${canvas.width} × ${canvas.height} pixels.`;
    return { severity: "note", text, remedy: null };
  }
}

const refused = (message, remedy) => new api.Problem({ name: "ImageLoadError", message, remedy });
const megabytes = (file) => (file.size / 2 ** 20).toFixed(1);
const named = (blob, name) =>
  blob instanceof File && blob.name === name ? blob : new File([blob], name, { type: blob.type });

/** {width, height} of what an address shows, upright; null if this browser cannot show it. */
function measured(url) {
  return new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => resolve(null);
    image.src = url;
  });
}
