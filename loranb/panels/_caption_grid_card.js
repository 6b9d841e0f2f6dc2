// A picture with its caption, and what there is to say of it.

/** What both a card and the large view say of a picture: its state, its length, what was found, a conflict. */
class Remarks {
  constructor(captions, long) {
    this.captions = captions;
    this.long = long; // whether there is room to say all of it
    this.badges = part("badges");
    this.state = part("state");
    this.found = part("found");
    this.conflict = part("conflict");
    this.conflict.setAttribute("role", "alert");
    this.conflict.hidden = true;
  }

  show(entry) {
    this.entry = entry;
    this.showBadges(entry);
    this.showState(entry);
    this.showFound(entry);
    this.showConflict(entry);
  }

  showBadges({ card, text }) {
    const badges = [];
    const badge = (words, kind, title) => badges.push([words, kind, title]);
    if (card && !text.trim() && !card.problem) badge("empty", "warn", "No caption yet: the folder's words stand in for it");
    if (card?.drafted) badge("draft", "draft", "Written by a captioner; nobody has changed it yet");
    if (card?.edited) badge("edited", "edited", "Written by hand");
    if (card?.masked) badge("mask", "", "A mask says which parts count");
    if (card && text.trim() && card.tokens !== undefined) {
      const over = card.tokens > card.limit;
      const title = over ? `Over the limit; not read any more: ${card.cut}` : `${many(card.tokens, "token")}; ${card.limit} are read`;
      badge(`${card.tokens}${this.long ? " of " : "/"}${card.limit}${this.long ? " tokens" : ""}`, over ? "over" : card.tokens > card.limit * 0.9 ? "near" : "tokens", title);
    }
    const key = JSON.stringify(badges);
    if (key === this.badged) return;
    this.badged = key;
    this.badges.replaceChildren(
      ...badges.map(([words, kind, title]) =>
        make("span", { className: `lb-cg-badge ${kind && `lb-cg-${kind}`}`, title: title.slice(0, 1000) }, words),
      ),
    );
  }

  showState({ state, why, sending }) {
    const lost = this.captions.lost && this.entry.dirty;
    const words = { [TYPING]: "saving …", [SAVED]: "saved ✓", [FAILED]: `Not saved: ${why}` }[state] ?? "";
    say(this.state, lost ? "not saved: the kernel is gone" : words);
    this.state.title = state === FAILED ? why : "";
    this.state.dataset.state = lost ? FAILED : state;
    this.state.setAttribute("aria-live", state === FAILED || (state === SAVED && !sending) ? "polite" : "off");
  }

  showFound({ card, broken }) {
    const found = [...(card?.remarks ?? [])];
    const problem = card?.problem || broken;
    if (problem) found.unshift(["error", problem, ""]);
    if (this.long && card?.cut) found.push(["warning", "Over the token limit; not read any more:", card.cut]);
    const key = JSON.stringify(found);
    if (key === this.foundAll) return;
    this.foundAll = key;
    const all = found.map(([severity, title, message]) => {
      const line = part("finding", make("span", { className: `lb-cg-dot lb-cg-${severity}` }), title);
      if (this.long && message && message !== title) line.append(part("hint", message));
      return line;
    });
    this.found.title = found.map(([, title, message]) => [title, message].filter(Boolean).join(": ")).join("\n").slice(0, 2000);
    const more = this.long || all.length < 2 ? [] : [make("span", { className: "lb-cg-more" }, `+${all.length - 1}`)];
    this.found.replaceChildren(...(this.long ? all : all.slice(0, 1)), ...more);
  }

  showConflict(entry) {
    const has = entry.state === CONFLICT;
    this.conflict.hidden = !has;
    const key = has ? entry.other : null;
    if (key === this.other) return;
    this.other = key;
    if (!has) return this.conflict.replaceChildren();
    const words = make("q", {}, entry.other.slice(0, 600) || "(nothing)");
    const mine = pressable("Keep mine", () => this.captions.decide(entry, true));
    const that = pressable("Take that one", () => this.captions.decide(entry, false));
    this.conflict.replaceChildren(part("words", "Changed elsewhere meanwhile, to ", words), part("choices", mine, that));
  }
}

/** One card of the grid. */
class Card {
  constructor(view, entry) {
    this.view = view;
    this.captions = view.captions;
    this.entry = entry;
    this.picture = make("img", { alt: "", draggable: false });
    this.nothing = part("nothing");
    this.check = quiet(make("input", { type: "checkbox", className: "lb-cg-check" }));
    this.check.addEventListener("click", (event) => (event.stopPropagation(), view.select(entry.id, event)));
    this.larger = pressable("Look at it closely (V)", (event) => (event.stopPropagation(), view.open(entry)), { sign: "large" });
    this.frame = part("frame", this.picture, this.nothing, this.check, this.larger);
    this.frame.addEventListener("click", (event) => view.select(entry.id, event));
    this.frame.addEventListener("dblclick", () => view.open(entry));
    this.name = part("name");
    this.subject = part("subject");
    this.remarks = new Remarks(this.captions, false);
    this.box = new CaptionBox(this.captions, view.proposals, (step) => view.write(entry, step));
    this.as = pressable("As text (T)", () => this.turn(), { sign: "text" });
    const { badges, state, found, conflict } = this.remarks;
    const head = part("head", part("title", this.name, this.subject), badges, this.as);
    this.root = part("card", this.frame, part("side", head, this.box.root, part("foot", found, state), conflict));
    this.root.setAttribute("role", "listitem");
    this.root.tabIndex = -1;
    this.root.addEventListener("focusin", () => view.setCurrent(entry.id));
    quiet(this.root);
  }

  /** Show the caption as tags, if it was text, or the other way round. */
  turn() {
    this.entry.as = this.view.asTags(this.entry) ? "text" : "tags";
    this.root.focus();
    this.draw();
  }

  draw() {
    const { entry, view } = this;
    const { card } = entry;
    const chosen = view.chosen.has(entry.id);
    this.root.classList.toggle("lb-cg-chosen", chosen);
    this.root.classList.toggle("lb-cg-current", view.current === entry.id);
    this.root.classList.toggle("lb-cg-bad", Boolean(card?.problem || entry.broken));
    this.root.dataset.state = entry.state;
    this.check.checked = chosen;
    this.drawPicture();
    if (!card) return;
    if (this.named !== card.name) {
      this.named = card.name;
      say(this.name, card.name);
      this.name.title = card.path;
      label(this.check, `Select ${card.name}`);
      this.root.setAttribute("aria-label", card.name);
      this.picture.alt = card.name;
    }
    say(this.subject, card.subject);
    const tags = view.asTags(entry);
    if (this.tags !== tags) {
      this.tags = tags;
      this.as.replaceChildren(icon(tags ? "text" : "tags"));
      label(this.as, tags ? "As text (T)" : "As tags (T)");
    }
    this.remarks.show(entry);
    this.box.show(entry, tags);
  }

  drawPicture() {
    const { thumbnail, broken, card } = this.entry;
    const url = thumbnail?.url ?? "";
    if (this.url !== url) {
      this.url = url;
      if (url) this.picture.src = url;
      else this.picture.removeAttribute("src");
    }
    this.picture.hidden = !url;
    this.nothing.hidden = Boolean(url);
    say(this.nothing, broken || card?.missing ? "cannot be shown" : "");
  }

  write() {
    if (this.entry.editable) this.box.focus();
    else this.root.focus();
  }
}
