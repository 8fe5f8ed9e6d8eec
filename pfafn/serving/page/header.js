/* Which model answers, watched without a reload; and whether the page is light or dark. */

import * as api from "./api.js";
import { announce, find } from "./dom.js";

const EVERY = 4000; // ms
const THEME = "pfafn-theme"; // all that is kept in the browser

/** Watch the model; changed(version) is called with NAME/VERSION when there is another one. */
export function watchModel(changed) {
  const chip = find("model");
  let version = null;
  const look = async () => {
    let told;
    try {
      told = await api.model();
    } catch (error) {
      chip.classList.add("lost");
      find("model-name").textContent = error.message;
      return;
    }
    chip.classList.remove("lost");
    find("model-name").textContent = describe(told);
    const now = `${told.name}/${told.version}`;
    if (now === version) return;
    const first = version === null;
    version = now;
    changed(version);
    if (first) return;
    chip.classList.remove("news");
    void chip.offsetWidth; // so that the animation starts anew
    chip.classList.add("news");
    announce(`Version ${told.version} of the model answers now.`);
  };
  const again = () => document.visibilityState === "visible" && look();
  setInterval(again, EVERY);
  document.addEventListener("visibilitychange", again);
  return look();
}

function describe({ name, version, size, device, trouble }) {
  const [height, width] = size ?? [];
  return [
    name,
    `version ${version}`,
    size && `${width} × ${height}`,
    device,
    trouble && "a newer one cannot be used",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** The switch between light and dark; until it is used, the system decides. */
export function switchTheme() {
  const root = document.documentElement;
  const button = find("theme-switch");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const draw = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    const other = dark ? "light" : "dark";
    button.querySelector("span").textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-label", `${dark ? "Light" : "Dark"}: switch to ${other} colours`);
    return dark;
  };
  const kept = localStorage.getItem(THEME);
  if (kept) root.dataset.theme = kept;
  button.addEventListener("click", () => {
    root.dataset.theme = draw() ? "light" : "dark";
    localStorage.setItem(THEME, root.dataset.theme);
    draw();
  });
  system.addEventListener("change", draw);
  draw();
}
