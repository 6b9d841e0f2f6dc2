// The bar above the grid, and the frequent tags that have a key.

/** The most frequent tags, each with a key, for the picture that is looked at. */
class Quick {
  constructor(captions, entry) {
    this.captions = captions;
    this.entry = entry; // says whose caption they are put into
    this.root = part("quick");
    this.root.setAttribute("role", "toolbar");
    this.root.setAttribute("aria-label", "Frequent tags, to put in and take out");
  }

  draw() {
    const { quick } = this.captions.state;
    const key = JSON.stringify(quick);
    if (key !== this.drawn) {
      this.drawn = key;
      this.root.replaceChildren(...quick.map((tag, i) => this.button(tag, i)));
    }
    const entry = this.entry();
    this.root.hidden = !quick.length;
    for (const button of this.root.children) {
      button.disabled = !entry?.editable;
      pressed(button, Boolean(entry?.has(button.tag)));
    }
  }

  button(tag, i) {
    const made = pressable("", () => this.toggle(tag), { kind: "quicktag" });
    made.append(make("kbd", {}, String(i + 1)), make("span", {}, tag));
    made.title = `${i + 1} puts “${tag}” in or takes it out`;
    made.addEventListener("pointerdown", (event) => event.preventDefault()); // the picture stays the one that is meant
    return Object.assign(made, { tag });
  }

  toggle(tag) {
    const entry = this.entry();
    if (entry?.editable) this.captions.edit(entry, withTagToggled(entry.text, tag), true);
  }
}

/** How many there are and are selected, how they are shown, undoing. */
class Bar {
  constructor(view) {
    this.view = view;
    this.captions = view.captions;
    this.count = part("counted");
    this.all = pressable("Select all", () => this.captions.choose(this.captions.order));
    this.none = pressable("Select none", () => this.captions.choose([]));
    this.said = part("said");
    this.said.setAttribute("role", "status");
    this.modes = this.choice({ tags: "Tags", text: "Text" }, "mode");
    this.sizes = this.choice({ S: "S", M: "M", L: "L" }, "size");
    for (const button of this.sizes.children) label(button, SIZES[button.value].name);
    this.mask = pressable("Darken what masks leave out", () => view.toggleMasks(), { sign: "mask" });
    this.undo = pressable("Undo", () => this.captions.back(false), { sign: "undo" });
    this.redo = pressable("Do again", () => this.captions.back(true), { sign: "redo" });
    const help = pressable("Keys (?)", () => view.showHelp(), { sign: "help" });
    this.notice = part("notice");
    this.notice.setAttribute("role", "status");
    const tools = part("tools", this.modes, this.sizes, this.mask, this.undo, this.redo, help);
    this.root = part("bar", part("counts", this.count, this.all, this.none), this.said, tools);
  }

  choice(options, what) {
    const group = part("choice");
    group.setAttribute("role", "group");
    for (const [value, text] of Object.entries(options)) {
      group.append(Object.assign(pressable(text, () => this.view.showAs(what, value)), { value }));
    }
    return group;
  }

  draw() {
    const { captions, view } = this;
    const { undo, redo } = captions.state;
    const [shown, chosen] = [captions.order.length, captions.chosen.length];
    say(this.count, `${many(shown, "picture")}${chosen ? ` · ${chosen.toLocaleString("en")} selected` : ""}`);
    this.all.hidden = !shown || chosen === shown;
    this.none.hidden = !chosen;
    for (const button of this.modes.children) pressed(button, button.value === view.mode);
    for (const button of this.sizes.children) pressed(button, button.value === view.size);
    this.mask.hidden = !view.masked && ![...captions.entries.values()].some((entry) => entry.card?.masked);
    pressed(this.mask, view.masked);
    this.drawBack(this.undo, undo, "Undo");
    this.drawBack(this.redo, redo, "Do again");
    say(this.said, captions.said);
    this.said.title = captions.said;
    this.drawNotice();
  }

  drawBack(button, what, words) {
    button.disabled = !what;
    label(button, what ? `${words}: ${what}` : `Nothing to ${words.toLowerCase()}`);
  }

  drawNotice() {
    const { captions } = this;
    const unsaved = captions.unsaved.length;
    const kept = unsaved ? ` ${many(unsaved, "caption")} not saved yet.` : "";
    let text = "";
    if (captions.lost) text = GONE;
    else if (captions.line.silence > SILENT) text = `Waiting for the kernel, which is busy.${kept}`;
    say(this.notice, text);
    this.notice.hidden = !text;
    this.notice.classList.toggle("lb-cg-lost", captions.lost);
  }
}
