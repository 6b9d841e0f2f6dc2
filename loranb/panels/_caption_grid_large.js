// The large view: one picture to be looked at closely, with its caption beside it.

const ZOOMED = 8; // times its size in the window at most
const STEP = 1.25; // of a key or a button

/** A picture that is zoomed by the wheel and moved by dragging. */
class Zoom {
  constructor() {
    this.picture = make("img", { alt: "", draggable: false });
    this.waiting = part("waiting", "…");
    this.root = part("stage", this.picture, this.waiting);
    this.fit();
    this.root.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.root.addEventListener("pointerdown", (event) => this.drag(event));
    this.root.addEventListener("dblclick", (event) => (this.scale > 1 ? this.fit() : this.by(3, event)));
  }

  show(url, alt) {
    this.waiting.hidden = Boolean(url);
    this.picture.hidden = !url;
    if (url) Object.assign(this.picture, { src: url, alt });
  }

  fit() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.apply();
  }

  /** Zoom; the point under the pointer, or the middle, stays where it is. */
  by(factor, event = null) {
    const box = this.root.getBoundingClientRect();
    const px = event ? event.clientX - box.left - box.width / 2 : 0;
    const py = event ? event.clientY - box.top - box.height / 2 : 0;
    const scale = Math.min(ZOOMED, Math.max(1, this.scale * factor));
    this.x = px - ((px - this.x) * scale) / this.scale;
    this.y = py - ((py - this.y) * scale) / this.scale;
    this.scale = scale;
    this.apply();
  }

  apply() {
    const [width, height] = [this.root.clientWidth, this.root.clientHeight];
    const reach = (size) => ((this.scale - 1) * size) / 2;
    this.x = Math.max(-reach(width), Math.min(reach(width), this.x));
    this.y = Math.max(-reach(height), Math.min(reach(height), this.y));
    this.picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.root.classList.toggle("lb-cg-zoomed", this.scale > 1);
    this.root.dataset.zoom = this.scale.toFixed(2);
  }

  wheel(event) {
    event.preventDefault();
    this.by(Math.exp(-Math.sign(event.deltaY) * Math.min(0.25, Math.abs(event.deltaY) / 400)), event);
  }

  drag(event) {
    if (event.button || this.scale === 1) return;
    event.preventDefault();
    this.root.setPointerCapture(event.pointerId);
    let last = [event.clientX, event.clientY];
    const move = (e) => {
      this.x += e.clientX - last[0];
      this.y += e.clientY - last[1];
      last = [e.clientX, e.clientY];
      this.apply();
    };
    const end = () => this.root.removeEventListener("pointermove", move);
    this.root.addEventListener("pointermove", move);
    this.root.addEventListener("lostpointercapture", end, { once: true });
  }
}

/** Over the whole window, in the browser's top layer: whatever lies around the grid cannot cut it off. */
class Large {
  constructor(view) {
    this.view = view;
    this.captions = view.captions;
    this.masked = false;
    this.zoom = new Zoom();
    this.root = quiet(make("dialog", { className: "lb-cg-dialog lb-cg-large" }));
    this.root.tabIndex = -1;
    this.root.setAttribute("aria-label", "Picture and caption");
    this.proposals = new Proposals(this.captions, this.root);
    this.box = new CaptionBox(this.captions, this.proposals, (step) => this.go(step, true));
    this.remarks = new Remarks(this.captions, true);
    this.name = part("name");
    this.where = part("hint");
    this.quick = new Quick(this.captions, () => this.entry);
    this.as = pressable("As tags or as text (T)", () => this.turn(), { sign: "text" });
    this.mask = pressable("Darken what the mask leaves out (M)", () => this.toggleMask(), { sign: "mask" });
    this.root.prepend(this.stage(), this.side());
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("close", () => this.closed());
  }

  stage() {
    const press = (text, sign, act, kind = "sign") => pressable(text, act, { sign, kind });
    return part(
      "left",
      this.zoom.root,
      press("The picture before (←)", "left", () => this.go(-1), "before"),
      press("The next picture (→)", "right", () => this.go(1), "next"),
      part(
        "tools",
        press("Larger (+)", "plus", () => this.zoom.by(STEP)),
        press("Smaller (−)", "minus", () => this.zoom.by(1 / STEP)),
        press("The whole picture (0)", "fit", () => this.zoom.fit()),
        this.mask,
      ),
    );
  }

  side() {
    const { badges, state, found, conflict } = this.remarks;
    const close = pressable("Close (Esc)", () => this.root.close(), { sign: "close" });
    const head = part("head", part("title", this.name, this.where), this.as, close);
    return part("right", head, badges, this.box.root, part("foot", state), conflict, found, this.quick.root);
  }

  get isOpen() {
    return this.root.open;
  }

  open(entry) {
    if (!this.isOpen) {
      this.root.showModal();
      this.root.focus(); // and not the first button
    }
    this.entry = entry;
    this.zoom.fit();
    this.view.setCurrent(entry.id, true);
    this.load();
    this.draw();
  }

  async load() {
    const { entry, masked } = this;
    if (!entry.card) return; // draw() comes back when it is there
    this.loaded = `${entry.id} ${masked} ${entry.card.stamp}`;
    const small = entry.thumbnail?.url;
    this.zoom.show(small, entry.card.name);
    const { url, text } = await this.captions.thumbnails.large(entry, masked && entry.card.masked);
    if (entry !== this.entry || masked !== this.masked || !this.isOpen) return;
    if (url) this.zoom.show(url, entry.card.name);
    else say(this.zoom.waiting, text);
    this.zoom.root.dataset.whole = url ? "true" : "false";
    const next = this.view.beside(entry, 1); // so that it is there when it is wanted
    if (next?.card && !next.card.missing) this.captions.thumbnails.large(next, masked && next.card.masked);
  }

  draw() {
    const { entry } = this;
    if (!this.isOpen || !entry) return;
    const beside = [-1, 1].map((step) => this.view.beside(entry, step)).filter(Boolean);
    this.captions.want([entry, ...beside]);
    if (!entry.card) return;
    if (this.loaded !== `${entry.id} ${this.masked} ${entry.card.stamp}`) this.load();
    say(this.name, entry.card.name);
    this.name.title = entry.card.path;
    const order = this.captions.order;
    say(this.where, `${entry.card.subject} · ${order.indexOf(entry.id) + 1} of ${order.length.toLocaleString("en")}`);
    this.mask.hidden = !entry.card.masked;
    pressed(this.mask, this.masked);
    this.remarks.show(entry);
    this.box.show(entry, this.view.asTags(entry));
    this.quick.draw();
  }

  go(step, write = false) {
    const next = this.view.beside(this.entry, step);
    if (!next) return;
    this.root.focus(); // what was written is taken
    this.open(next);
    if (write) this.writeWhenThere(next);
  }

  async writeWhenThere(entry) {
    for (let i = 0; i < 100 && !entry.card && entry === this.entry; i++) await new Promise((go) => setTimeout(go, 30));
    if (entry !== this.entry) return;
    this.draw();
    if (entry.editable) this.box.focus();
  }

  turn() {
    this.entry.as = this.view.asTags(this.entry) ? "text" : "tags";
    this.root.focus();
    this.draw();
  }

  toggleMask() {
    this.masked = !this.masked;
    this.load();
    this.draw();
  }

  key(event) {
    event.stopPropagation();
    if (event.isComposing) return;
    if (writes(event.target)) {
      if (event.key !== "Escape") return;
      event.preventDefault(); // back from writing, and not out of the view
      return this.root.focus();
    }
    const control = event.ctrlKey || event.metaKey;
    const acts = {
      ArrowLeft: () => this.go(-1),
      ArrowRight: () => this.go(1),
      "+": () => this.zoom.by(STEP),
      "=": () => this.zoom.by(STEP),
      "-": () => this.zoom.by(1 / STEP),
      0: () => this.zoom.fit(),
      m: () => this.entry.card?.masked && this.toggleMask(),
      t: () => this.turn(),
      v: () => this.root.close(),
      " ": () => this.view.select(this.entry.id, {}),
      Enter: () => this.entry.editable && this.box.focus(),
      "?": () => this.view.showHelp(),
    };
    if (control || event.altKey) return this.view.keys.controlKey(event);
    if (this.view.keys.quickKey(event, this.entry)) return;
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || (event.target.matches("button") && [" ", "Enter"].includes(event.key))) return;
    event.preventDefault();
    act();
  }

  closed() {
    this.captions.left(this.entry);
    this.zoom.show("", "");
    this.view.goTo(this.entry.id); // the browser goes back to where it came from
  }
}
