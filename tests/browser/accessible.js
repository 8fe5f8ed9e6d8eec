/* What anybody can see and reach: a list of complaints about the page as it stands, best empty. */
() => {
  const shown = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && !element.closest(".unseen, .skip");
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);
  const where = (element) =>
    `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ""}.${element.className.baseVal ?? element.className}`;
  const complaints = [];

  const named = (element) =>
    element.getAttribute("aria-label") ||
    (element.getAttribute("aria-labelledby") ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.textContent)
      .join("") ||
    element.textContent.trim() ||
    element.alt ||
    [...(element.labels ?? [])].map((label) => label.textContent.trim()).join("");
  for (const element of all(
    "button, a[href], input, progress, section, dialog[open], fieldset, [role=group]",
  ))
    if (!named(element)) complaints.push(`no name: ${where(element)}`);
  for (const image of all("img"))
    if (!image.hasAttribute("alt")) complaints.push(`no alt: ${where(image)}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((one, place) => ids.indexOf(one) !== place)))
    complaints.push(`id twice: ${id}`);
  for (const element of document.querySelectorAll("[tabindex]"))
    if (element.tabIndex > 0) complaints.push(`order of its own: ${where(element)}`);

  const parsed = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const light = (channel) =>
    (channel /= 255) <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const ground = (element) => {
    for (let here = element; here; here = here.parentElement) {
      const colour = parsed(getComputedStyle(here).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = all("body *").filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()),
  );
  for (const element of texts) {
    const [high, low] = [parsed(getComputedStyle(element).color), ground(element)]
      .map(luminance)
      .sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5)
      complaints.push(
        `contrast ${contrast.toFixed(2)}: ${where(element)} "${element.textContent.trim().slice(0, 30)}"`,
      );
    if (
      element.scrollWidth > element.clientWidth + 1 &&
      getComputedStyle(element).overflow !== "visible"
    )
      complaints.push(`cut: ${where(element)}`);
    const { left, right } = element.getBoundingClientRect();
    if (left < -1 || right > innerWidth + 1) complaints.push(`beside the page: ${where(element)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) complaints.push("wider than the window");
  for (const element of all("button, a.button, input[type=range]")) {
    const { width, height } = element.getBoundingClientRect();
    if (Math.min(width, height) < 24)
      complaints.push(`too small to touch: ${where(element)} ${width} x ${height}`);
  }
  return complaints;
};
