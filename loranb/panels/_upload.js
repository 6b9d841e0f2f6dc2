// Sends files to the kernel piece by piece. _uploader.py is the other side; _upload_view.js, which shows it, is read
// after this as one module with it.
//
// A few pieces are on their way at any time, and each is answered with how much of its file the kernel holds:
// that answer, and not what was sent, is where sending goes on. So a busy kernel slows the page down instead of
// filling its memory, and after a lost connection the kernel is asked what it has. Bytes travel in messages only.

const SILENT = 3000; // ms without an answer, after which it is said that one waits
const DOUBTFUL = 5000; // ms after which the kernel is asked what has become of what was sent
const LOST = 8000; // ms after which a question is asked again
const RECENT = 10000; // ms over which speed is measured
const ASKED_AT_ONCE = 200; // names in one message: some 20 kB
const STRAYS = 20; // times a file may be found elsewhere than expected, by another page that sends it too
const JUNK = /^(\.|__MACOSX$|thumbs\.db$|desktop\.ini$)/i;

// A file is NEW until the kernel was asked what it has of it.
const [NEW, QUEUED, SENDING, WHOLE, ADDED, FAILED] = ["new", "queued", "sending", "whole", "added", "failed"];

class Item {
  constructor(file, name, selection) {
    Object.assign(this, { file, name, selection, size: file.size, modified: file.lastModified });
    Object.assign(this, { state: NEW, held: 0, sent: 0, astray: false, strays: 0, why: "" });
  }

  get key() {
    return [this.name, this.size, this.modified];
  }

  fail(why) {
    Object.assign(this, { state: FAILED, why });
  }
}

/** Everything but the screen: what is to be sent, what is on its way, what the kernel said. */
class Upload {
  constructor(model) {
    this.model = model;
    this.items = [];
    this.leftOut = [];
    this.phase = "idle"; // sending, stopped, adding, refused, done, lost
    this.added = 0;
    this.said = null; // what the kernel complained about: {text, trace}
    this.earlier = null; // what was there before: {whole, partly, bytes}
    this.pieces = new Map(); // number of a piece on its way: its item
    this.questions = new Map(); // number of a question: what to do with its answer
    this.sleepers = []; // workers that wait for news
    this.progress = []; // [time, bytes held] of late
    this.views = new Set();
    this.number = Date.now() * 1000; // unlike that of any page before
    this.selection = 0;
    this.batch = ++this.number;
    this.heardAt = this.began = Date.now();
    model.on("msg:custom", (content) => this.heard(content));
    this.clock = setInterval(() => this.tick(), 1000);
    this.look();
  }

  end() {
    clearInterval(this.clock);
    this.questions.clear();
    this.setPhase("lost");
  }

  setPhase(phase) {
    this.phase = phase;
    this.wake();
  }

  wake() {
    this.sleepers.splice(0).forEach((go) => go());
    this.views.forEach((view) => view.draw());
  }

  news() {
    return new Promise((go) => this.sleepers.push(go));
  }

  // --- talking with the kernel

  post(content, buffers = []) {
    if (!this.waiting) this.heardAt = Date.now();
    try {
      this.model.send(content, undefined, buffers);
    } catch (error) {
      console.warn("The upload's connection is gone.", error);
      if (this.busy) this.end();
    }
  }

  /** Send a question, again and again until it is answered: an answer or a question may get lost. */
  ask(content) {
    const number = ++this.number;
    return new Promise((resolve) => {
      const question = { ...content, number };
      this.post(question);
      this.questions.set(number, { question, resolve, asked: Date.now() });
    });
  }

  heard(content) {
    if (this.silence > SILENT) this.progress = []; // the speed is measured anew
    this.heardAt = Date.now();
    const { number } = content;
    if (this.questions.has(number)) {
      const { resolve } = this.questions.get(number);
      this.questions.delete(number);
      resolve(content);
    }
    const item = this.pieces.get(number);
    if (item) {
      this.pieces.delete(number);
      this.answered(item, content);
    }
    this.wake();
  }

  answered(item, { held, astray, text, full }) {
    if (text && full) return this.stop({ text });
    if (text) return item.fail(text);
    item.held = held;
    item.astray ||= Boolean(astray);
    if (held === item.size && item.state === SENDING) item.state = WHOLE;
  }

  get waiting() {
    return this.pieces.size + this.questions.size;
  }

  get silence() {
    return this.waiting ? Date.now() - this.heardAt : 0;
  }

  tick() {
    const now = Date.now();
    if (this.busy && RESTARTED.includes(this.model.widget_manager?.kernel?.status)) return this.end();
    for (const entry of this.questions.values()) {
      if (now - entry.asked < LOST) continue;
      entry.asked = now;
      this.post(entry.question);
    }
    if (this.pieces.size && this.silence > DOUBTFUL && !this.checking) this.check();
    this.progress.push([now, this.bytesHeld]);
    while (this.progress[0][0] < now - RECENT) this.progress.shift();
    if (this.busy) this.wake();
  }

  /** Ask how much there is of files. */
  async recall(items) {
    const files = items.map((i) => [...i.key, i.selection]);
    const { held, text, trace } = await this.ask({ do: "list", batch: this.batch, files });
    if (text) this.stop({ text, trace });
    else items.forEach((item, i) => (item.held = held[i]));
  }

  /** Ask what has become of the pieces that nobody answered. An answer to this comes after theirs. */
  async check() {
    this.checking = true;
    const doubtful = [...this.pieces];
    await this.recall([...new Set(doubtful.map(([, item]) => item))]);
    this.checking = false;
    for (const [number, item] of doubtful) if (this.pieces.delete(number)) item.astray = true;
    this.wake();
  }

  // --- what the reader can do

  add(files) {
    const known = new Set(this.items.filter((i) => i.state !== ADDED).map((i) => i.key.join("/")));
    if (!this.going && !this.items.some((i) => [NEW, WHOLE, FAILED].includes(i.state))) this.forgetItems();
    const accepted = this.model.get("accepted");
    for (const [file, name] of files) {
      const item = new Item(file, name, this.selection);
      if (known.has(item.key.join("/")) || name.split("/").some((part) => JUNK.test(part))) continue;
      if (!accepted.some((suffix) => name.toLowerCase().endsWith(suffix))) this.leftOut.push(name);
      else this.items.push(item);
      if (!item.size) item.fail("It is empty (0 bytes); look at it where it comes from.");
    }
    this.selection += 1;
    this.goOn();
  }

  goOn() {
    if (this.phase === "adding") return; // what is new is sent afterwards
    this.said = null;
    if (!this.items.some((i) => [NEW, WHOLE].includes(i.state)))
      return this.setPhase(this.items.length ? "done" : "idle");
    this.progress = [];
    if (!this.going) this.began = Date.now();
    this.setPhase("sending");
    this.run();
  }

  retry() {
    for (const item of this.failed) if (item.size) Object.assign(item, { state: NEW, strays: 0, why: "" });
    this.goOn();
  }

  stop(said = null) {
    this.said = said;
    this.pieces.clear(); // late answers are not waited for
    for (const item of this.items) if ([QUEUED, SENDING].includes(item.state)) item.state = NEW;
    this.setPhase("stopped");
  }

  async addEarlier() {
    this.setPhase("adding");
    this.finish(await this.ask({ do: "take" }), this.earlier.whole);
  }

  async discard() {
    this.forgetItems();
    this.setPhase("idle");
    await this.ask({ do: "discard" });
    this.look();
  }

  forgetItems() {
    this.items = [];
    this.leftOut = [];
    this.said = null;
    this.added = 0;
    this.batch = ++this.number;
  }

  // --- sending

  get going() {
    return this.phase === "sending";
  }

  get busy() {
    return this.going || this.phase === "adding";
  }

  async look() {
    this.earlier = await this.ask({ do: "look" });
    this.wake();
  }

  async run() {
    if (this.running) return;
    this.running = true;
    while (this.going && this.items.some((i) => i.state === NEW)) {
      await this.learn();
      await this.sendAll();
    }
    this.running = false;
    if (!this.going) return;
    if (this.items.some((i) => i.state === WHOLE)) await this.handOver();
    else this.setPhase("done");
    if (this.phase === "stopped") this.goOn(); // with what was chosen meanwhile
  }

  /** Ask what the kernel has of the new files already, and whether there is room for the rest. */
  async learn() {
    const fresh = this.items.filter((i) => i.state === NEW);
    for (let from = 0; from < fresh.length && this.going; from += ASKED_AT_ONCE) {
      const some = fresh.slice(from, from + ASKED_AT_ONCE);
      await this.recall(some);
      for (const item of some) Object.assign(item, { sent: item.held, astray: false });
    }
    if (!this.going) return;
    const size = sum(fresh, (i) => i.size);
    const rest = size - sum(fresh, (i) => i.held);
    const { text } = await this.ask({ do: "room", files: fresh.length, size, rest });
    if (!this.going) return;
    if (text) return this.stop({ text });
    for (const item of fresh) if (item.state === NEW) item.state = item.held === item.size ? WHOLE : QUEUED;
    this.progress = [[Date.now(), this.bytesHeld]];
  }

  async sendAll() {
    const queue = this.items.filter((i) => i.state === QUEUED);
    const work = async () => {
      while (this.going && queue.length) await this.sendItem(queue.shift());
    };
    await Promise.all(Array.from({ length: this.model.get("at_once") }, work));
  }

  async sendItem(item) {
    if (item.state !== QUEUED) return;
    item.state = SENDING;
    while (this.going && item.state === SENDING) {
      const onTheWay = [...this.pieces.values()].includes(item);
      if (item.astray && !onTheWay) this.bringBack(item);
      else if (!item.astray && item.sent < item.size && this.pieces.size < this.model.get("window"))
        await this.sendPiece(item);
      else await this.news();
    }
  }

  bringBack(item) {
    item.astray = false;
    item.sent = item.held;
    if (item.held === item.size) item.state = WHOLE;
    else if (++item.strays > STRAYS) item.fail("It does not get through; another page may be sending it too.");
  }

  async sendPiece(item) {
    const number = ++this.number;
    const at = item.sent;
    this.pieces.set(number, item);
    item.sent = Math.min(at + this.model.get("piece"), item.size);
    try {
      const bytes = await item.file.slice(at, item.sent).arrayBuffer();
      if (this.pieces.has(number)) this.post({ do: "piece", number, file: item.key, at }, [bytes]);
    } catch {
      this.pieces.delete(number);
      item.fail("Your computer cannot read it any more: it was moved, changed or is in use. Choose it again.");
    }
  }

  async handOver() {
    this.setPhase("adding");
    const whole = this.items.filter((i) => i.state === WHOLE);
    const answer = await this.ask({ do: "end", batch: this.batch });
    if (!answer.text) for (const item of whole) Object.assign(item, { state: ADDED, file: null });
    this.finish(answer, whole.length);
  }

  finish({ text, trace }, count) {
    if (this.phase === "lost") return;
    this.said = text ? { text, trace } : null;
    this.took = Date.now() - this.began;
    if (!text) this.added += count;
    this.setPhase(text ? "refused" : this.items.some((i) => i.state === NEW) ? "stopped" : "done");
    this.look();
  }

  // --- how far it is

  get bytesHeld() {
    return sum(this.alive, (i) => i.held);
  }

  get bytesInAll() {
    return sum(this.alive, (i) => i.size);
  }

  get alive() {
    return this.items.filter((i) => i.state !== FAILED);
  }

  get failed() {
    return this.items.filter((i) => i.state === FAILED);
  }

  get here() {
    return this.items.filter((i) => i.state === WHOLE).length;
  }

  get speed() {
    const [from, to] = [this.progress[0], [Date.now(), this.bytesHeld]];
    return from && to[0] > from[0] + 500 ? ((to[1] - from[1]) / (to[0] - from[0])) * 1000 : 0;
  }
}

function sum(list, of) {
  return list.reduce((total, entry) => total + of(entry), 0);
}
