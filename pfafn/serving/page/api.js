/* The server's API, as the page uses it. Every failure is a Problem: a message and a remedy. */

/** What went wrong, in the words of the API's errors. */
export class Problem extends Error {
  constructor({ name, message, remedy }) {
    super(message);
    this.name = name ?? "Error";
    this.remedy = remedy ?? null;
  }
}

const SILENT = {
  name: "NoAnswer",
  message: "The server does not answer.",
  remedy: "See whether it still runs and your connection is up, then try again.",
};

async function answer(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(SILENT);
  }
  const told = await response.json().catch(() => null);
  if (response.ok && told !== null) return told;
  if (told?.message) throw new Problem(told);
  throw new Problem({
    name: `HTTP${response.status}`,
    message: `The server answered ${response.status} ${response.statusText}, without a reason.`,
    remedy: response.status === 413 ? "Send a smaller picture." : "Its log says more.",
  });
}

function form(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof File || value instanceof Blob)
      body.append(name, value, value.name ?? name);
    else if (value !== null && value !== undefined) body.append(name, String(value));
  }
  return body;
}

const post = (path, fields, signal) => answer(path, { method: "POST", body: form(fields), signal });

/** {name, version, alias, size, role, device, loaded_at} */
export const model = () => answer("v1/model", { cache: "no-store" });

/** {persons: [{name, url, thumb}], garments: [...]} */
export const gallery = () => answer("v1/gallery");

/** The findings about one picture; kind: person or garment; mask: a garment's, or null. */
export async function check(kind, file, mask) {
  const verdict = await post("v1/check", { [`${kind}_image`]: file, garment_mask: mask });
  return verdict[kind] ?? [];
}

/** {output, model_version, warnings, milliseconds, ...} */
export const tryOn = (fields, signal) => post("v1/tryon", fields, signal);

/** {warped, mask, flow}: data URLs */
export const explain = (fields) => post("v1/explain", fields);

/** The bytes behind an address of the server, or behind a data URL. */
export async function bytes(url) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok)
    throw new Problem({ ...SILENT, message: "The picture cannot be fetched from the server." });
  return response.blob();
}
