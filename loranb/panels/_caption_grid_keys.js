// What keys do in the grid, where nobody writes; the large view has keys of its own.

class Keys {
  constructor(view) {
    this.view = view;
    this.captions = view.captions;
    view.root.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    event.stopPropagation(); // the notebook's own keys
    if (event.isComposing) return;
    const control = event.ctrlKey || event.metaKey;
    const nothingTyped = event.target.matches(".lb-cg-adder") && !event.target.value; // then there is a tag to undo
    if (writes(event.target) && !(control && nothingTyped)) {
      if (event.key === "Escape") this.view.focusCurrent();
      return;
    }
    if (control) return this.controlKey(event);
    const entry = this.view.currentEntry;
    if (!event.altKey && entry && this.quickKey(event, entry)) return;
    const onButton = event.target.matches("button, input, summary") && [" ", "Enter"].includes(event.key);
    if (event.altKey || onButton) return;
    if (event.key === "?") this.view.showHelp();
    else if (!this.moveKey(event) && !this.cardKey(event, entry)) return;
    event.preventDefault();
  }

  moveKey(event) {
    const { order } = this.captions;
    const at = order.indexOf(this.view.current);
    const { columns, step, scroller } = this.view;
    const page = Math.max(1, Math.floor(scroller.clientHeight / step)) * columns;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page };
    const ends = { Home: 0, End: order.length - 1 };
    const to = event.key in ends ? ends[event.key] : at < 0 ? 0 : at + steps[event.key];
    if (!(event.key in steps || event.key in ends)) return false;
    const next = Math.max(0, Math.min(order.length - 1, to));
    if (event.shiftKey && at >= 0) {
      this.view.anchor ??= this.view.current;
      const chosen = order.slice(Math.min(at, next), Math.max(at, next) + 1);
      this.captions.choose([...this.captions.chosen, ...chosen]);
    }
    this.view.goTo(order[next]);
    return true;
  }

  cardKey(event, entry) {
    if (event.key === "Escape") return this.captions.choose([]), true;
    if (!entry) return false;
    const acts = {
      Enter: () => this.view.cards.get(entry.id)?.write(),
      " ": () => this.view.select(entry.id, event),
      x: () => this.view.select(entry.id, event),
      v: () => this.view.open(entry),
      t: () => this.view.cards.get(entry.id)?.turn(),
    };
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    act?.();
    return Boolean(act);
  }

  quickKey(event, entry) {
    const tag = /^[1-9]$/.test(event.key) && this.captions.state.quick[Number(event.key) - 1];
    if (!tag || event.ctrlKey || event.metaKey || event.altKey) return false;
    event.preventDefault();
    if (entry.editable) this.captions.edit(entry, withTagToggled(entry.text, tag), true);
    return true;
  }

  controlKey(event) {
    const key = event.key.toLowerCase();
    if (key === "z") this.captions.back(event.shiftKey);
    else if (key === "y") this.captions.back(true);
    else if (key === "a" && !this.view.large.isOpen) this.captions.choose(this.captions.order);
    else return;
    event.preventDefault();
  }
}
