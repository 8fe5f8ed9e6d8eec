/* Files come by an event, drop or paste, to what a selector finds; each is [name, type, base64]. */
([event, selector, files]) => {
  const data = new DataTransfer();
  for (const [name, type, text] of files)
    data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name, { type }));
  const common = { bubbles: true, cancelable: true };
  const made =
    event === "drop"
      ? new DragEvent("drop", { dataTransfer: data, ...common })
      : new ClipboardEvent("paste", { clipboardData: data, ...common });
  document.querySelector(selector).dispatchEvent(made);
};
