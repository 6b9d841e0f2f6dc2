// Captions as the page knows them: what the kernel holds, what is being typed, and what is on its way between the two.
// _caption_grid.py is the other side; _caption_grid_line.js talks with it; the others show it. All are one module.
//
// What is typed is sent a moment later. Until the kernel has said that it is on disk, it lies in the browser's own
// storage too, and comes back from there after a lost kernel or a closed page.

const TYPED = 350; // ms after the last key until a caption is sent
const UNSENT = 700; // ms that a caption may wait at most, however fast one types: it is on disk within a second
const AGAIN = 5000; // ms after which a caption that could not be saved is tried again
const TOLD = 10000; // ms that a sentence stands
const GONE = "The kernel was restarted or has stopped. Run this cell again: what is not saved yet is kept, and saved then.";

// What has become of a caption: as it is on disk, being typed or sent, on disk since, or in trouble.
const [SAME, TYPING, SAVED, FAILED, CONFLICT] = ["", "typing", "saved", "failed", "conflict"];

/** A picture and its caption. `text` is what the page shows, `base` what the kernel had when it was edited. */
class Entry {
  constructor(id) {
    Object.assign(this, { id, card: null, stale: true, text: "", base: "", done: "" });
    Object.assign(this, { state: SAME, why: "", sending: false, since: 0, continues: false });
    Object.assign(this, { thumbnail: null, broken: "", as: "" });
  }

  /** Whether there is something that the kernel does not have. */
  get dirty() {
    return this.text !== this.done;
  }

  get editable() {
    return Boolean(this.card && !this.card.problem);
  }

  has(tag) {
    return placeOf(this.text, tag) >= 0;
  }

  /** Take what the kernel says; what is being edited stays. */
  take(card) {
    if (card.stamp !== this.card?.stamp) this.broken = "";
    this.card = card;
    this.stale = false;
    if (this.dirty || this.sending || this.state === CONFLICT) return;
    if (card.text !== this.base) this.state = SAME;
    this.text = this.base = this.done = card.text;
  }
}

/** What the browser keeps until the kernel has saved it: captions by their pictures' paths, with what they were. */
class Shelf {
  constructor(folder) {
    this.key = `loranb captions ${folder}`;
  }

  get all() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? {};
    } catch {
      return {}; // a page that may keep nothing
    }
  }

  set all(captions) {
    try {
      if (Object.keys(captions).length) localStorage.setItem(this.key, JSON.stringify(captions));
      else localStorage.removeItem(this.key);
    } catch {
      // full, or not allowed: the kernel has it in a moment
    }
  }

  keep({ card, text, base }) {
    this.all = { ...this.all, [card.path]: { text, base } };
  }

  forget({ card }) {
    const { [card.path]: _, ...rest } = this.all;
    this.all = rest;
  }
}

/** Everything but the screen. */
class Captions {
  constructor(model) {
    this.model = model;
    this.entries = new Map();
    this.views = new Set();
    this.state = { undo: "", redo: "", quick: [] };
    this.said = ""; // what came of an undo and the like
    this.shelf = new Shelf(model.get("folder"));
    this.line = new Line(model, { told: (content) => this.told(content), changed: () => this.draw() });
    this.thumbnails = new Thumbnails(this.line, () => this.draw());
    for (const trait of ["order", "chosen"]) model.on(`change:${trait}`, () => this.draw());
    this.look();
  }

  get order() {
    return this.model.get("order");
  }

  get chosen() {
    return this.model.get("chosen");
  }

  choose(ids) {
    const wanted = new Set(ids);
    this.model.set("chosen", this.order.filter((id) => wanted.has(id)));
    this.model.save_changes();
    this.draw();
  }

  entry(id) {
    if (!this.entries.has(id)) this.entries.set(id, new Entry(id));
    return this.entries.get(id);
  }

  draw() {
    this.views.forEach((view) => view.draw());
  }

  tell(text) {
    this.said = text;
    clearTimeout(this.forgetting);
    if (text) this.forgetting = setTimeout(() => this.tell(""), TOLD);
    this.draw();
  }

  ask(content) {
    return this.line.ask(content);
  }

  told(content) {
    if (content.do === "changed") this.changed(content.ids);
    if (content.do === "flush") this.flush();
    if (content.quick) this.state = { undo: content.undo, redo: content.redo, quick: content.quick };
  }

  get lost() {
    return this.line.lost;
  }

  get unsaved() {
    return [...this.entries.values()].filter((entry) => entry.dirty);
  }

  async look() {
    const left = this.shelf.all;
    const { ids } = await this.ask({ do: "look", left: Object.keys(left) });
    if (ids?.length) await this.restore(ids, left);
    this.draw();
  }

  // --- what is in sight

  /** Ask for what is not known of these pictures yet. */
  want(entries) {
    const ids = entries.filter((entry) => entry.stale && !entry.asked).map((entry) => entry.id);
    if (ids.length) this.cards(ids);
  }

  async cards(ids) {
    ids.forEach((id) => (this.entry(id).asked = true));
    const { cards, text } = await this.ask({ do: "cards", ids });
    if (!cards) return this.tell(text); // they are asked for again when the kernel says that something has changed
    for (const card of cards) this.entry(card.id).take(card);
    ids.forEach((id) => (this.entry(id).asked = false));
    this.draw();
  }

  changed(ids) {
    for (const entry of ids ? ids.map((id) => this.entry(id)) : this.entries.values()) {
      Object.assign(entry, { stale: true, asked: false, continues: false });
    }
    this.draw();
  }

  async suggest(typed) {
    return (await this.ask({ do: "suggest", typed })).found ?? [];
  }

  // --- edits

  /** Take an edit; it is sent a moment later. With `whole`, it is a step of undoing by itself. */
  edit(entry, text, whole = false) {
    if (text === entry.text) return;
    if (whole) entry.continues = false;
    entry.text = text;
    entry.since ||= Date.now();
    if (entry.state !== CONFLICT) entry.state = TYPING;
    this.shelf.keep(entry);
    clearTimeout(entry.timer);
    const wait = whole ? 0 : Math.min(TYPED, entry.since + UNSENT - Date.now());
    entry.timer = setTimeout(() => this.save(entry), Math.max(0, wait));
    this.draw();
  }

  async save(entry) {
    clearTimeout(entry.timer);
    if (entry.sending || entry.state === CONFLICT || this.lost) return;
    if (!entry.dirty) return this.settle(entry, entry.state === TYPING ? SAVED : entry.state);
    const { text, base } = entry;
    const { id, continues } = entry;
    Object.assign(entry, { sending: true, since: 0, continues: true }); // unless a step by itself comes meanwhile
    const answer = await this.ask({ do: "save", id, caption: text, base, continues });
    entry.sending = false;
    if (answer.card) entry.card = answer.card;
    if (answer.text || answer.conflict !== undefined) entry.continues &&= continues;
    if (answer.text) {
      Object.assign(entry, { state: FAILED, why: answer.text });
      entry.timer = setTimeout(() => this.save(entry), AGAIN);
    } else if (answer.conflict !== undefined) {
      Object.assign(entry, { state: CONFLICT, other: answer.conflict });
    } else {
      Object.assign(entry, { base: answer.card.text, done: text });
      if (entry.dirty) await this.save(entry);
      else this.settle(entry, SAVED);
    }
    this.draw();
  }

  settle(entry, state) {
    Object.assign(entry, { state, why: "", since: 0 });
    this.shelf.forget(entry);
    this.draw();
  }

  /** Show a caption as it was written, once nobody types in it any more. */
  left(entry) {
    entry.continues = false;
    if (entry.dirty) this.save(entry);
    else if (entry.text !== entry.base) entry.text = entry.done = entry.base;
  }

  /** Send all that was not sent yet. */
  flush() {
    return Promise.all(this.unsaved.map((entry) => this.save(entry)));
  }

  /** End a conflict: the caption stays as it is in the page, or becomes what it was made elsewhere. */
  decide(entry, mine) {
    Object.assign(entry, { state: TYPING, base: entry.other, done: entry.other, continues: false });
    if (!mine) entry.text = entry.other;
    this.save(entry);
    this.draw();
  }

  async back(redo) {
    await this.flush();
    const { said, text } = await this.ask({ do: "back", redo });
    this.changed(null);
    this.tell(said ?? text);
  }

  /** Ask whether captions were changed elsewhere, such as in an editor, since this page was looked at last. */
  async fresh() {
    if (this.lost) return;
    const { ids } = await this.ask({ do: "fresh" });
    if (ids?.length) this.changed(ids);
  }

  /** Save what an earlier page could not. */
  async restore(found, left) {
    const ids = found.map(([id]) => id);
    await this.cards(ids);
    for (const [id, path] of found) {
      const entry = this.entry(id);
      const { text, base } = left[path];
      if (!entry.card || entry.dirty) continue;
      if (text === entry.card.text) {
        this.shelf.forget(entry);
        continue;
      }
      Object.assign(entry, { base, done: base });
      this.edit(entry, text, true);
    }
    this.tell(`${many(ids.length, "caption")} that an earlier page had not saved: brought back.`);
  }
}
