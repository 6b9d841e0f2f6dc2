// A caption that is edited: as tags that can be dragged, or as text.

const DRAGGED = 4; // pixels that a tag is moved at least to be dragged rather than clicked

/** A caption in a card or beside a large picture. */
class CaptionBox {
  constructor(captions, proposals, go) {
    this.captions = captions;
    this.proposals = proposals;
    this.go = go; // to write in another caption: 1 for the next, -1 for the one before
    this.root = part("caption");
    this.chips = part("chips");
    this.chips.setAttribute("role", "group");
    this.text = quiet(make("textarea", { className: "lb-cg-text", spellcheck: false, placeholder: "What the picture shows" }));
    this.adder = this.field("lb-cg-adder", "add a tag");
    this.adder.size = 10;
    this.propose(this.adder, () => this.adder.value, (tag) => this.add(tag));
    this.propose(this.text, () => this.typedWord(), (tag) => this.complete(tag));
    this.root.append(this.chips, this.text);
    this.listen();
  }

  field(kind, placeholder) {
    return quiet(make("input", { type: "text", className: kind, placeholder, autocomplete: "off", spellcheck: false }));
  }

  propose(field, word, take) {
    this.proposals.attach(field, word, take, (tag) => this.entry.has(tag));
  }

  listen() {
    this.text.addEventListener("input", () => this.captions.edit(this.entry, this.text.value));
    this.adder.addEventListener("input", () => this.adder.value.endsWith(",") && this.add(this.adder.value.slice(0, -1)));
    this.adder.addEventListener("keydown", (event) => this.adderKey(event));
    this.chips.addEventListener("keydown", (event) => this.chipKey(event));
    this.chips.addEventListener("pointerdown", (event) => this.press(event));
    this.chips.addEventListener("click", (event) => event.target === this.chips && this.adder.focus());
    this.root.addEventListener("keydown", (event) => this.moveKey(event));
    this.root.addEventListener("focusout", (event) => {
      if (this.root.contains(event.relatedTarget)) return;
      if (this.adder.value.trim()) this.add(this.adder.value, false);
      if (this.entry) this.captions.left(this.entry);
    });
  }

  /** Show a caption, as tags or as text; where one writes, nothing is moved. */
  show(entry, asTags) {
    if (this.entry !== entry) Object.assign(this, { entry, drawn: null, asTags });
    if (!this.root.contains(this.root.getRootNode().activeElement)) this.asTags = asTags;
    this.chips.hidden = !this.asTags;
    this.text.hidden = this.asTags;
    this.text.disabled = this.adder.disabled = !entry.editable;
    const name = entry.card?.name ?? "";
    this.text.setAttribute("aria-label", `Caption of ${name}`);
    this.adder.setAttribute("aria-label", `Add a tag to ${name}`);
    this.chips.setAttribute("aria-label", `Tags of ${name}`);
    if (!this.asTags && this.text.value !== entry.text) this.text.value = entry.text;
    if (this.asTags && !this.dragging && !this.changing && this.drawn !== entry.text) this.drawChips();
  }

  focus() {
    const field = this.asTags ? this.adder : this.text;
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  // --- as text

  /** What was typed of the tag before the caret; nothing within a sentence. */
  typedWord() {
    const before = this.text.value.slice(0, this.text.selectionStart);
    const word = before.slice(Math.max(before.lastIndexOf(","), before.lastIndexOf("\n")) + 1).trimStart();
    return word.length < 2 || word.split(/\s+/).length > 4 ? "" : word;
  }

  complete(tag) {
    const word = this.typedWord();
    const end = this.text.selectionStart;
    this.text.setRangeText(tag, end - word.length, end, "end");
    this.captions.edit(this.entry, this.text.value);
  }

  // --- as tags

  get tags() {
    return splitTags(this.entry.text).map((tag, place) => ({ ...tag, place })).filter((tag) => tag.text);
  }

  drawChips() {
    const focused = this.chipElements().indexOf(this.root.getRootNode().activeElement);
    this.drawn = this.entry.text;
    const made = this.tags.map((tag, i) => this.chip(tag, i));
    if (this.adder.parentNode !== this.chips) this.chips.append(this.adder);
    this.chipElements().forEach((old) => old.remove()); // the field stays, and so does what is typed in it
    this.adder.before(...made);
    if (focused >= 0) (made[Math.min(focused, made.length - 1)] ?? this.adder).focus();
  }

  chipElements() {
    return [...this.chips.querySelectorAll(".lb-cg-chip")];
  }

  chip(tag, i) {
    const words = make("span", { className: "lb-cg-words" }, tag.text);
    const chip = make("span", { className: "lb-cg-chip", tabIndex: -1 }, words);
    chip.setAttribute("role", "button");
    chip.setAttribute("aria-label", `Tag ${tag.text}: Enter changes it, Delete takes it out`);
    if (tag.text.length > 40) chip.title = tag.text.slice(0, 500);
    if (this.entry.editable) {
      const gone = make("span", { className: "lb-cg-gone", title: "Take out" }, icon("close"));
      gone.setAttribute("aria-hidden", "true"); // by key: Delete
      chip.append(gone);
    }
    if (/[\n]|\|\|\||;;;/.test(tag.after)) chip.dataset.ends = tag.after.trim() || "↵";
    Object.assign(chip, { tag, index: i });
    return quiet(chip);
  }

  edit(text) {
    this.captions.edit(this.entry, text, true);
    this.drawChips();
  }

  add(words, stay = true) {
    this.adder.value = "";
    const there = this.tags.findIndex((tag) => tagName(tag.text) === tagName(words));
    if (there >= 0) this.flash(this.chipElements()[there]);
    else if (words.trim()) this.edit(withTag(this.entry.text, words));
    if (stay) {
      this.adder.focus();
      this.adder.scrollIntoView({ block: "nearest" });
    }
  }

  flash(chip) {
    chip.classList.add("lb-cg-there");
    setTimeout(() => chip.classList.remove("lb-cg-there"), 900);
  }

  adderKey(event) {
    if (event.isComposing) return;
    const chips = this.chipElements();
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      this.add(this.adder.value);
      event.preventDefault();
    } else if (["Backspace", "ArrowLeft"].includes(event.key) && !this.adder.selectionEnd && chips.length) {
      chips.at(-1).focus();
      event.preventDefault();
    }
  }

  chipKey(event) {
    const chip = event.target.closest(".lb-cg-chip");
    if (!chip || event.target !== chip || event.ctrlKey || event.metaKey) return;
    const chips = this.chipElements();
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && event.altKey) this.move(chip.index, chip.index + step);
    else if (step) (chips[chip.index + step] ?? (step > 0 ? this.adder : chip)).focus();
    else if (["Delete", "Backspace"].includes(event.key)) this.remove(chip);
    else if (["Enter", "F2", " "].includes(event.key)) this.change(chip);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  remove(chip) {
    if (this.entry.editable) this.edit(withoutTag(this.entry.text, chip.tag.place));
  }

  move(from, to) {
    if (!this.entry.editable || to < 0 || to >= this.tags.length || from === to) return;
    this.edit(withTagMoved(this.entry.text, from, to));
    this.chipElements()[to].focus();
  }

  /** Make a field of a tag, until Enter or another place is pressed. */
  change(chip) {
    if (!this.entry.editable || this.changing) return;
    const field = this.field("lb-cg-field", "");
    const entry = this.entry;
    field.value = chip.tag.text;
    field.style.width = `${chip.offsetWidth + 24}px`;
    field.setAttribute("aria-label", "Change the tag");
    this.changing = true;
    const end = (keep, refocus) => {
      if (!this.changing) return;
      this.changing = false;
      field.replaceWith(chip);
      if (keep && field.value.trim() !== chip.tag.text && entry === this.entry) {
        this.edit(withTagAt(entry.text, chip.tag.place, field.value));
      }
      if (refocus) (this.chipElements()[chip.index] ?? this.adder).focus();
    };
    this.propose(field, () => field.value, (tag) => ((field.value = tag), end(true, true)));
    field.addEventListener("blur", () => end(true, false));
    field.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      end(event.key === "Enter", true);
    });
    chip.replaceWith(field);
    field.focus();
    field.select();
  }

  // --- dragging

  press(event) {
    const chip = event.target.closest(".lb-cg-chip");
    if (!chip || event.button || !this.entry.editable) return;
    const gone = event.target.closest(".lb-cg-gone");
    const start = [event.clientX, event.clientY];
    event.preventDefault();
    chip.focus();
    const moved = (e) => {
      if (!this.dragging && Math.hypot(e.clientX - start[0], e.clientY - start[1]) < DRAGGED) return;
      this.dragging = chip;
      chip.classList.add("lb-cg-dragged");
      this.mark(this.placeAt(e.clientX, e.clientY));
    };
    const up = (e) => {
      const dragged = this.dragging;
      stop();
      if (dragged) this.drop(chip, this.placeAt(e.clientX, e.clientY));
      else if (gone) this.remove(chip);
      else this.change(chip);
    };
    const stop = () => {
      this.dragging = null;
      chip.classList.remove("lb-cg-dragged");
      this.mark(-1);
      removeEventListener("pointermove", moved);
      removeEventListener("pointerup", up);
      removeEventListener("pointercancel", stop);
      removeEventListener("keydown", escape, true);
    };
    const escape = (e) => e.key === "Escape" && (stop(), e.stopPropagation(), e.preventDefault());
    addEventListener("pointermove", moved);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", stop);
    addEventListener("keydown", escape, true);
  }

  /** Before which tag something would be dropped there. */
  placeAt(x, y) {
    const chips = this.chipElements();
    const boxes = chips.map((chip) => chip.getBoundingClientRect());
    const at = boxes.findIndex((box) => y < box.top || (y <= box.bottom + 2 && x < box.left + box.width / 2));
    return at < 0 ? chips.length : at;
  }

  mark(place) {
    const chips = this.chipElements();
    chips.forEach((chip, i) => {
      chip.classList.toggle("lb-cg-mark-before", i === place);
      chip.classList.toggle("lb-cg-mark-behind", place === chips.length && i === chips.length - 1);
    });
  }

  drop(chip, place) {
    this.move(chip.index, place > chip.index ? place - 1 : place);
  }

  // --- to the captions before and after

  moveKey(event) {
    const step =
      (event.key === "Enter" && (event.ctrlKey || event.metaKey) && 1) ||
      (event.altKey && { ArrowDown: 1, ArrowUp: -1 }[event.key]);
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    this.go(step);
  }
}
