// Small things that the grid is made of: buttons, icons, places beside others, proposals while a tag is typed.

const ICONS = {
  undo: "M3 7h7a3.5 3.5 0 0 1 0 7H6M3 7l3.5-3.5M3 7l3.5 3.5",
  redo: "M13 7H6a3.5 3.5 0 0 0 0 7h4M13 7L9.5 3.5M13 7l-3.5 3.5",
  large: "M9.5 2.5h4v4M13.5 2.5L9 7M6.5 13.5h-4v-4M2.5 13.5L7 9",
  close: "M4 4l8 8M12 4l-8 8",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  mask: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  text: "M2.5 4h11M2.5 8h11M2.5 12h7",
  tags: "M2.5 3.5h6v3h-6zM10.5 3.5h3v3h-3zM2.5 9.5h3v3h-3zM7.5 9.5h6v3h-6z",
  help: "M5.7 6.2a2.4 2.4 0 1 1 3.6 2.1c-.9.5-1.3.9-1.3 1.9M8 12.6v.1",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A part of the grid, with its class. */
function part(name, ...inside) {
  return make("div", { className: `lb-cg-${name}` }, ...inside);
}

/** A button that says what it does; with an icon, to those who point at it or hear the page. */
function pressable(text, act, { sign = "", kind = "" } = {}) {
  const made = make("button", { type: "button", className: `lb-cg-button lb-cg-${kind || (sign ? "sign" : "plain")}` });
  if (sign) {
    made.append(icon(sign));
    label(made, text);
  } else {
    made.append(text);
  }
  made.addEventListener("click", (event) => act(event));
  return quiet(made);
}

function label(element, text) {
  element.title = text;
  element.setAttribute("aria-label", text);
}

function pressed(button, is) {
  button.setAttribute("aria-pressed", String(is));
}

/** Whether keys that are pressed there are letters of a text. */
function writes(element) {
  return element.matches?.("textarea, input:not([type=checkbox])") ?? false;
}

/** Proposals under a field in which tags are typed. One for a grid or a large view. */
class Proposals {
  constructor(captions, host) {
    this.captions = captions;
    this.host = host; // what the list lies over
    this.list = part("proposals");
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Tags that fit");
    this.list.id = `lb-cg-${Math.random().toString(36).slice(2)}`;
    this.list.hidden = true;
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    host.append(this.list);
    this.number = 0;
  }

  /**
   * Propose tags for a field: `word` says what was typed of one, `take` is given the one that is chosen, and those
   * that `there` says the caption has are none.
   */
  attach(field, word, take, there) {
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-expanded", "false");
    field.setAttribute("aria-controls", this.list.id);
    field.addEventListener("input", () => this.propose(field, word(), take, there));
    field.addEventListener("blur", () => this.hide(field));
    field.addEventListener("keydown", (event) => this.key(event, field));
  }

  async propose(field, typed, take, there) {
    const number = ++this.number;
    if (!typed.trim()) return this.hide(field);
    const found = (await this.captions.suggest(typed)).filter(([tag]) => !there(tag));
    if (number !== this.number || !field.isConnected) return;
    if (!found.length || field.getRootNode().activeElement !== field) return this.hide(field);
    Object.assign(this, { field, take, at: -1 });
    this.list.replaceChildren(...found.map(([tag, count], i) => this.row(tag, count, i, typed.trim())));
    this.list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    this.place(field);
  }

  row(tag, count, i, typed) {
    const at = tag.toLowerCase().replaceAll("_", " ").indexOf(typed.toLowerCase().replaceAll("_", " "));
    const words = make("span", { className: "lb-cg-proposed" });
    if (at < 0) words.append(tag);
    else words.append(tag.slice(0, at), make("b", {}, tag.slice(at, at + typed.length)), tag.slice(at + typed.length));
    const row = part("proposal", words, make("span", { className: "lb-cg-count" }, count ? String(count) : "tagger"));
    Object.assign(row, { id: `${this.list.id}-${i}`, tag });
    row.setAttribute("role", "option");
    row.addEventListener("click", () => this.choose(tag));
    return row;
  }

  place(field) {
    const [box, host] = [field.getBoundingClientRect(), this.host.getBoundingClientRect()];
    const height = this.list.offsetHeight;
    const above = box.bottom + height > Math.min(host.bottom, innerHeight) && box.top - height > host.top;
    const left = Math.min(box.left - host.left, host.width - this.list.offsetWidth - 4);
    this.list.style.left = `${Math.max(0, left)}px`;
    this.list.style.top = `${(above ? box.top - height - 3 : box.bottom + 3) - host.top}px`;
  }

  key(event, field) {
    if (this.list.hidden || this.field !== field || event.isComposing) return;
    const rows = [...this.list.children];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !event.altKey && !event.ctrlKey) {
      this.at = (this.at + step + rows.length + (this.at < 0 && step < 0 ? 1 : 0)) % rows.length;
      rows.forEach((row, i) => row.setAttribute("aria-selected", String(i === this.at)));
      rows[this.at].scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", rows[this.at].id);
    } else if (["Tab", "Enter"].includes(event.key) && this.at >= 0) {
      this.choose(rows[this.at].tag);
    } else if (event.key === "Escape") {
      this.hide(field);
    } else {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation(); // neither the field nor the grid is meant
  }

  choose(tag) {
    const { take, field } = this;
    this.hide(field);
    take(tag);
  }

  hide(field) {
    this.number += 1;
    if (this.field && this.field !== field) return;
    this.list.hidden = true;
    field?.setAttribute("aria-expanded", "false");
    field?.removeAttribute("aria-activedescendant");
  }
}

const KEYS = [
  ["← ↑ → ↓", "go from picture to picture; Home and End to the first and last"],
  ["Enter", "write: at the end of the tags, or in the text"],
  ["Esc", "back from writing to the picture; there, select none"],
  ["Ctrl+Enter, Alt+↓", "write in the next caption; Alt+↑ in the one before"],
  ["1 … 9", "put a frequent tag in or take it out"],
  ["Space", "select; with Shift and an arrow, one more"],
  ["Ctrl+A", "select all that are shown"],
  ["V", "look at the picture closely; there + − 0 or the wheel to zoom, M for the mask"],
  ["Ctrl+Z", "undo, whatever was changed last; Ctrl+Shift+Z or Ctrl+Y to do it again"],
  ["T", "this caption as tags or as text"],
  ["on a tag: ← →", "go to the next tag; with Alt, move it; Enter to change, Delete to take it out"],
];

/** The list of keys. */
function helpDialog() {
  const rows = KEYS.map(([keys, what]) => make("tr", {}, make("th", { scope: "row" }, keys), make("td", {}, what)));
  const close = pressable("Close", () => dialog.close(), { sign: "close" });
  const head = part("head", make("b", {}, "Keys"), close);
  const note = part("hint", "Each change is saved by itself. Drag a tag to move it, click it to change it.");
  const dialog = make("dialog", { className: "lb-cg-dialog lb-cg-help" }, head, make("table", {}, ...rows), note);
  dialog.setAttribute("aria-label", "Keys");
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  return quiet(dialog);
}
