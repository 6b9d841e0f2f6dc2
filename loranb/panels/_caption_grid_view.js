// The grid itself: only the cards in sight are in the page, and a few around them. The last of the _caption_grid*.js.

const GAP = 10; // pixels between cards
const AROUND = 2; // rows above and below what is in sight
// A card's height, its least width, and how many pixels its thumbnail should have.
const SIZES = {
  S: { name: "Small pictures", height: 150, width: 330, side: 256 },
  M: { name: "Medium pictures", height: 206, width: 430, side: 256 },
  L: { name: "Large pictures", height: 372, width: 560, side: 512 },
};

/** One place in the page where captions are shown. */
class GridView {
  constructor(captions, el) {
    this.captions = captions;
    this.mode = "tags";
    this.masked = false;
    this.size = "M";
    this.cards = new Map(); // number of a picture: its card
    this.current = null;
    this.columns = 1;
    this.height = captions.model.get("height");
    this.root = make("div", { className: "lb-cg" });
    this.sizer = part("sizer");
    this.scroller = part("scroller", this.sizer);
    this.scroller.setAttribute("role", "list");
    this.scroller.setAttribute("aria-label", "Pictures and captions");
    this.proposals = new Proposals(captions, this.root);
    this.quick = new Quick(captions, () => this.currentEntry);
    this.bar = new Bar(this);
    this.empty = part("empty", "No picture to show.");
    this.root.prepend(this.bar.root, this.quick.root, this.bar.notice, this.scroller, this.empty);
    this.large = new Large(this);
    this.help = helpDialog();
    this.root.append(this.large.root, this.help);
    this.keys = new Keys(this);
    this.listen();
    el.append(this.root);
    this.drawNow();
  }

  // --- what is in sight

  draw() {
    this.frame ??= requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    const { captions } = this;
    this.chosen = new Set(captions.chosen);
    const order = captions.order;
    this.empty.hidden = order.length > 0;
    if (this.current !== null && !order.includes(this.current)) this.current = null;
    this.measure(order.length);
    const [first, last] = this.range(order.length);
    const ids = order.slice(first, last);
    const seen = ids.map((id) => captions.entry(id));
    captions.want(seen);
    this.lay(ids, first);
    this.wantThumbnails(order, first, last);
    this.bar.draw();
    this.quick.draw();
    this.large.draw();
    this.root.dataset.ready = String(seen.every((entry) => entry.card));
  }

  measure(count) {
    const width = this.scroller.clientWidth || this.width || 0; // none for a moment while a theme is changed
    this.width = width;
    const { height, width: least } = SIZES[this.size];
    this.columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    this.step = height + GAP;
    this.cardWidth = (width - GAP * (this.columns - 1)) / this.columns;
    const total = Math.max(0, Math.ceil(count / this.columns) * this.step - GAP);
    this.sizer.style.height = `${total}px`;
    this.scroller.style.height = `${Math.min(this.height, total + 4)}px`;
    this.scroller.hidden = !count;
  }

  range(count) {
    const top = Math.floor(this.scroller.scrollTop / this.step) - AROUND;
    const rows = Math.ceil(this.scroller.clientHeight / this.step) + 2 * AROUND;
    const first = Math.max(0, top) * this.columns;
    return [first, Math.min(count, (Math.max(0, top) + rows + 1) * this.columns)];
  }

  /** Put the cards in sight in their places. One in which somebody writes stays, though out of sight. */
  lay(ids, first) {
    const wanted = new Map(ids.map((id, i) => [id, first + i]));
    const active = this.root.getRootNode().activeElement;
    for (const [id, card] of this.cards) {
      if (wanted.has(id)) continue;
      if (card.root.contains(active) && this.captions.order.includes(id)) {
        wanted.set(id, this.captions.order.indexOf(id));
        continue;
      }
      card.root.remove();
      this.cards.delete(id);
    }
    for (const [id, at] of wanted) {
      if (!this.cards.has(id)) this.cards.set(id, new Card(this, this.captions.entry(id)));
      const card = this.cards.get(id);
      const [row, column] = [Math.floor(at / this.columns), at % this.columns];
      card.root.style.transform = `translate(${column * (this.cardWidth + GAP)}px, ${row * this.step}px)`;
      card.root.style.width = `${this.cardWidth}px`;
      card.root.setAttribute("aria-posinset", at + 1);
      card.root.setAttribute("aria-setsize", this.captions.order.length);
      if (!card.root.isConnected) this.sizer.append(card.root);
      card.root.tabIndex = id === this.tabStop ? 0 : -1;
      card.draw();
    }
    this.sizer.dataset.size = this.size;
  }

  get tabStop() {
    return this.current ?? this.captions.order[0];
  }

  /** Those in sight first, then those that come next. */
  wantThumbnails(order, first, last) {
    const around = [...order.slice(first, last), ...order.slice(last, last + this.columns * 4)];
    const { side } = SIZES[this.size];
    const entries = around.map((id) => this.captions.entry(id));
    this.captions.want(entries);
    this.captions.thumbnails.want(entries, side * (devicePixelRatio > 1.5 ? 2 : 1) > 300 ? 512 : side, this.masked);
  }

  // --- the picture that is looked at

  get currentEntry() {
    return this.current === null ? null : this.captions.entry(this.current);
  }

  setCurrent(id, scroll = false) {
    this.current = id;
    if (scroll) this.reveal(id);
    this.draw();
  }

  /** Which picture stands at the top, to find it again when columns change. */
  place() {
    return this.current ?? this.captions.order[Math.floor(this.scroller.scrollTop / this.step) * this.columns];
  }

  scrollTo(id) {
    const at = this.captions.order.indexOf(id);
    if (at >= 0) this.scroller.scrollTop = Math.floor(at / this.columns) * this.step;
    this.drawNow();
  }

  reveal(id) {
    const top = Math.floor(this.captions.order.indexOf(id) / this.columns) * this.step;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.step - GAP > scrollTop + clientHeight) this.scroller.scrollTop = top + this.step - GAP - clientHeight;
  }

  beside(entry, step) {
    const { order } = this.captions;
    const at = order.indexOf(entry?.id) + step;
    return at >= 0 && at < order.length ? this.captions.entry(order[at]) : null;
  }

  goTo(id, write = false) {
    if (id === undefined) return;
    this.setCurrent(id, true);
    this.drawNow();
    const card = this.cards.get(id);
    card?.root.focus({ preventScroll: true });
    if (write) this.writeIn(card);
  }

  async writeIn(card) {
    for (let i = 0; i < 100 && !card.entry.card; i++) await new Promise((go) => setTimeout(go, 30));
    card.draw();
    if (this.current === card.entry.id) card.write();
  }

  write(entry, step) {
    this.goTo(this.beside(entry, step)?.id, true);
  }

  focusCurrent() {
    if (this.current !== null) this.goTo(this.current);
  }

  open(entry) {
    this.large.open(entry);
  }

  showHelp() {
    this.help.showModal();
  }

  asTags(entry) {
    return (entry.as || (this.mode === "tags" && !entry.card?.sentence ? "tags" : "text")) === "tags";
  }

  // --- selecting

  select(id, event) {
    const { order } = this.captions;
    const chosen = new Set(this.captions.chosen);
    if (event.shiftKey && this.anchor !== undefined && order.includes(this.anchor)) {
      const [from, to] = [order.indexOf(this.anchor), order.indexOf(id)].sort((a, b) => a - b);
      for (const one of order.slice(from, to + 1)) chosen.add(one);
    } else {
      if (!chosen.delete(id)) chosen.add(id);
      this.anchor = id;
    }
    this.current = id;
    this.captions.choose(chosen);
    if (!this.large.isOpen) this.goTo(id);
  }

  // --- how it is shown

  /** Show captions as tags or text, or pictures in another size; what stood at the top stays in sight. */
  showAs(what, value) {
    const place = this.place();
    this[what] = value;
    if (what === "mode") this.captions.entries.forEach((entry) => (entry.as = ""));
    this.drawNow();
    this.scrollTo(place);
  }

  toggleMasks() {
    this.masked = !this.masked;
    this.draw();
  }

  // --- the page around it

  listen() {
    this.scroller.addEventListener("scroll", () => (this.proposals.hide(this.proposals.field), this.draw()));
    this.scroller.addEventListener("mousedown", (event) => event.shiftKey && event.target.closest(".lb-cg-frame") && event.preventDefault());
    this.watch = new ResizeObserver(() => this.resized());
    this.watch.observe(this.scroller);
    this.leaving = () => this.captions.flush();
    this.seen = () => (document.hidden ? this.captions.flush() : this.captions.fresh());
    addEventListener("pagehide", this.leaving);
    addEventListener("blur", this.leaving);
    document.addEventListener("visibilitychange", this.seen);
    addEventListener("focus", this.seen);
  }

  /** Follow the page's width, and the corner by which the grid is made higher. */
  resized() {
    const set = parseFloat(this.scroller.style.height);
    const total = parseFloat(this.sizer.style.height) + 4;
    if (set && Math.abs(set - Math.min(this.height, total)) > 2) this.height = set;
    this.draw();
  }

  end() {
    this.captions.flush();
    this.watch.disconnect();
    removeEventListener("pagehide", this.leaving);
    removeEventListener("blur", this.leaving);
    document.removeEventListener("visibilitychange", this.seen);
    removeEventListener("focus", this.seen);
  }
}

// One set of captions for a widget, in however many places it is shown.
export default () => {
  let captions;
  return {
    initialize({ model }) {
      captions = new Captions(model);
      return () => captions.line.end();
    },
    render({ el }) {
      const view = new GridView(captions, el);
      captions.views.add(view);
      return () => {
        view.end();
        captions.views.delete(view);
      };
    },
  };
};
