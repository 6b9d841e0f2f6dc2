// What the pages of all widgets are made with; read before their own scripts, as one module with them.

const RESTARTED = ["dead", "terminating", "restarting", "autorestarting"]; // states of a kernel that ends a widget

/** Make an element. Text that is put into one is never HTML. */
function make(tag, properties, ...inside) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
}

/** Keep keys that are pressed here from being commands to the notebook; to be said of each thing that takes focus. */
function quiet(element) {
  element.dataset.lmSuppressShortcuts = "true";
  return element;
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function many(count, what) {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}
