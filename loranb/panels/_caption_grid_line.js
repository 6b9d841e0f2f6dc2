// The line to the kernel, and what is fetched over it to be seen. Read before _caption_grid.js, as one module with it.

const SILENT = 2500; // ms without an answer, after which it is said that one waits
const LOST = 8000; // ms after which a question is asked again; it has the same number, and so is answered once
const GATHER = 30; // ms in which what is asked for is gathered to one question
const AT_ONCE = 8; // pictures in a message: some 150 kB
const ASKED = 2; // messages with pictures on their way
const KEPT = 400; // thumbnails, some 8 MB
const KEPT_LARGE = 6;

/** Questions to the kernel and their answers. */
class Line {
  constructor(model, { told, changed }) {
    this.model = model;
    this.told = told; // called with what the kernel says unasked, and with every answer
    this.changed = changed; // called when the kernel answers, falls silent or is gone
    this.questions = new Map(); // number of a question: {question, resolve, asked}
    this.number = Date.now() * 1000; // unlike that of any page before
    this.lost = false;
    this.heardAt = Date.now();
    model.on("msg:custom", (content, buffers) => this.heard(content, buffers));
    this.clock = setInterval(() => this.tick(), 1000);
    this.kernel = model.widget_manager?.kernel; // Colab's page knows nothing of it
    this.follow = (_, status) => RESTARTED.includes(status) && this.end();
    this.kernel?.statusChanged?.connect(this.follow);
  }

  post(content) {
    if (!this.questions.size) this.heardAt = Date.now();
    try {
      this.model.send(content);
    } catch (error) {
      console.warn("The connection of the captions is gone.", error);
      this.end();
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

  heard(content, buffers) {
    this.heardAt = Date.now();
    this.told(content);
    const asked = this.questions.get(content.number);
    if (!asked) return;
    this.questions.delete(content.number);
    if (content.again) this.ask(asked.question).then(asked.resolve);
    else asked.resolve({ ...content, buffers });
    this.changed();
  }

  get silence() {
    return this.questions.size ? Date.now() - this.heardAt : 0;
  }

  tick() {
    const now = Date.now();
    for (const entry of this.questions.values()) {
      if (now - entry.asked < LOST) continue;
      entry.asked = now;
      this.post(entry.question);
    }
    if (this.silence > SILENT) this.changed();
  }

  end() {
    clearInterval(this.clock);
    this.kernel?.statusChanged?.disconnect(this.follow);
    this.lost = true;
    this.changed();
  }
}

/** Pictures, fetched when they come in sight. */
class Thumbnails {
  constructor(line, draw) {
    Object.assign(this, { line, draw, wanted: [], onTheWay: 0, held: new Set(), larges: new Map() });
  }

  /** Ask for pictures, the first ones first; what was asked for before, and is not on its way, is not any more. */
  want(entries, side, masked) {
    const fits = ({ thumbnail: t, card }) => t && t.side >= side && t.masked === masked && t.stamp === card.stamp;
    this.wanted = entries.filter((e) => e.card && !e.card.missing && !e.fetching && !e.broken && !fits(e));
    this.how = { side, masked };
    clearTimeout(this.gathering);
    this.gathering = setTimeout(() => this.fetch(), GATHER);
  }

  async fetch() {
    if (this.onTheWay >= ASKED || !this.wanted.length || this.line.lost) return;
    const some = new Map(this.wanted.splice(0, AT_ONCE).map((entry) => [entry.id, entry]));
    const stamps = new Map([...some].map(([id, entry]) => [id, entry.card.stamp]));
    const how = this.how;
    for (const entry of some.values()) entry.fetching = true;
    this.onTheWay += 1;
    if (this.wanted.length) this.fetch();
    const answer = await this.line.ask({ do: "thumbnails", ids: [...some.keys()], ...how });
    const { ids = [], buffers, text } = answer;
    const broken = text ? [...some.keys()].map((id) => [id, text]) : answer.broken;
    this.onTheWay -= 1;
    for (const entry of some.values()) entry.fetching = false;
    for (const [id, why] of broken) some.get(id).broken = why;
    ids.forEach((id, i) => {
      this.drop(some.get(id));
      some.get(id).thumbnail = { url: jpegUrl(buffers[i]), stamp: stamps.get(id), ...how };
      this.held.add(some.get(id)); // the newest last
    });
    for (const entry of [...this.held].slice(0, Math.max(0, this.held.size - KEPT))) this.drop(entry);
    this.draw();
    this.fetch();
  }

  drop(entry) {
    if (entry.thumbnail) URL.revokeObjectURL(entry.thumbnail.url);
    entry.thumbnail = null;
    this.held.delete(entry);
  }

  /** Give the address of a picture in large, or say why there is none. */
  large(entry, masked) {
    const key = `${entry.id} ${masked} ${entry.card?.stamp}`;
    if (!this.larges.has(key)) {
      const asked = this.line.ask({ do: "large", id: entry.id, masked });
      const kept = asked.then(({ text, buffers }) => {
        if (text) this.larges.delete(key);
        return text ? { text } : { url: jpegUrl(buffers[0]) };
      });
      this.larges.set(key, kept);
      for (const old of [...this.larges.keys()].slice(0, -KEPT_LARGE)) {
        this.larges.get(old).then(({ url }) => url && URL.revokeObjectURL(url));
        this.larges.delete(old);
      }
    }
    return this.larges.get(key);
  }
}

function jpegUrl(buffer) {
  return URL.createObjectURL(new Blob([buffer], { type: "image/jpeg" }));
}
