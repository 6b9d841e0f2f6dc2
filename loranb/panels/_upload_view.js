// Shows an upload and lets files be chosen for it; the second half of _upload.js.

const REDRAW = 120; // ms between two drawings
const MOST_LISTED = 20; // files that did not arrive
const WHAT_FOR = "Captions (.txt) beside pictures come along. Nothing is changed on your computer.";
const GONE =
  "The kernel was restarted or has stopped. Run this cell again and choose the same files: what has arrived is kept.";

/** One place in the page where an upload is shown. */
class View {
  constructor(upload, el) {
    this.upload = upload;
    const css = (name) => `lb-up-${name}`;
    const part = (name, ...inside) => make("div", { className: css(name) }, ...inside);
    this.files = make("input", { type: "file", multiple: true, hidden: true });
    this.files.accept = ["image/*", ...upload.model.get("accepted")].join(",");
    this.folder = make("input", { type: "file", hidden: true, webkitdirectory: true });
    for (const input of [this.files, this.folder]) input.addEventListener("change", () => this.chosen(input));
    const words = part("words", part("title", "Drop pictures, a folder or a zip here"), part("hint", WHAT_FOR));
    const choose = part(
      "buttons",
      button("Choose files", () => this.files.click(), "first"),
      button("Choose a folder", () => this.folder.click()),
    );
    this.zone = part("zone", words, choose, this.files, this.folder);
    this.bar = part("bar", make("div"));
    this.bar.setAttribute("role", "progressbar");
    this.bar.setAttribute("aria-label", "Upload");
    this.line = make("div", { className: css("line") });
    this.buttons = part("buttons");
    this.now = part("now");
    this.told = part("told");
    this.told.setAttribute("role", "status");
    this.more = part("more");
    this.root = make(
      "div",
      { className: "lb-up" },
      ...[this.zone, this.bar, part("row", this.line, this.buttons), this.now, this.told, this.more],
    );
    this.takeDrops();
    el.append(this.root);
    this.drawNow();
  }

  chosen(input) {
    const files = [...input.files].map((file) => [file, file.webkitRelativePath || file.name]);
    input.value = ""; // so that the same files can be chosen again
    if (files.length) this.upload.add(files);
  }

  takeDrops() {
    const over = (event, inside) => {
      event.preventDefault();
      event.stopPropagation();
      this.zone.classList.toggle("lb-up-over", inside);
    };
    this.zone.addEventListener("dragover", (event) => over(event, true));
    this.zone.addEventListener("dragleave", (event) => over(event, this.zone.contains(event.relatedTarget)));
    this.zone.addEventListener("drop", async (event) => {
      over(event, false);
      const found = dropped(event.dataTransfer);
      this.reading = true;
      this.draw();
      const files = await found;
      this.reading = false;
      if (files.length) this.upload.add(files);
      this.draw();
    });
  }

  draw() {
    this.timer ??= setTimeout(() => this.drawNow(), REDRAW);
  }

  drawNow() {
    clearTimeout(this.timer);
    this.timer = null;
    const { upload } = this;
    const { phase } = upload;
    this.zone.inert = phase === "lost";
    this.drawBar();
    this.line.setAttribute("aria-live", upload.going ? "off" : "polite"); // figures are not read out
    say(this.line, this.sentence());
    this.drawButtons();
    this.drawCurrent();
    this.drawComplaint();
    this.drawLists();
    this.root.dataset.phase = phase;
  }

  drawBar() {
    const { upload } = this;
    const share = upload.bytesInAll ? upload.bytesHeld / upload.bytesInAll : 0;
    this.bar.hidden = !upload.items.length || !["sending", "adding", "stopped"].includes(upload.phase);
    this.bar.classList.toggle("lb-up-still", upload.phase === "stopped" || upload.silence > SILENT);
    this.bar.setAttribute("aria-valuenow", Math.floor(share * 100));
    this.bar.firstChild.style.width = `${share * 100}%`;
  }

  sentence() {
    const { upload } = this;
    if (this.reading) return "Reading the folder …";
    const all = upload.alive.length;
    const done = upload.alive.filter((i) => [WHOLE, ADDED].includes(i.state)).length;
    const soFar = `${done} of ${many(all, "file")} · ${amount(upload.bytesHeld, upload.bytesInAll)}`;
    switch (upload.phase) {
      case "sending": {
        if (!upload.speed || upload.silence > SILENT) return soFar;
        const left = (upload.bytesInAll - upload.bytesHeld) / upload.speed;
        return `${soFar} · ${(upload.speed / 1e6).toFixed(1)} MB/s · ${time(left)} left`;
      }
      case "adding":
        return upload.items.length ? `${many(upload.here, "file")} arrived. Adding …` : "Adding …";
      case "stopped":
        return `Stopped at ${soFar}${upload.added ? `, ${upload.added} added` : ""}. What has arrived is kept.`;
      case "refused":
        return upload.here ? `${many(upload.here, "file")} arrived, but could not be added.` : "";
      case "done":
        if (upload.added) return `✓ ${many(upload.added, "file")} added${this.inAll()}.`;
        return upload.failed.length ? "Nothing was added." : "";
      default:
        return leftovers(upload);
    }
  }

  inAll() {
    const { items, took } = this.upload;
    return items.length ? `, ${bytes(sum(this.upload.alive, (i) => i.size))} in ${time(took / 1000)}` : "";
  }

  drawButtons() {
    const { upload } = this;
    const { phase, earlier, here } = upload;
    const offers = [];
    const offer = (text, act) => offers.push([text, act]);
    if (phase === "sending") offer("Stop", () => upload.stop());
    if (phase === "stopped") offer("Go on", () => upload.goOn());
    if (phase === "stopped" && here) offer(`Add ${the(here)} now`, () => upload.handOver());
    if (phase === "refused")
      offer("Try again", () => (upload.items.length ? upload.handOver() : upload.addEarlier()));
    const again = upload.failed.filter((i) => i.size).length; // an empty file stays empty
    if (["done", "stopped"].includes(phase) && again)
      offer(`Try ${the(again)} again`, () => upload.retry());
    if (phase === "idle" && earlier?.whole) offer(`Add ${the(earlier.whole)} now`, () => upload.addEarlier());
    if (["stopped", "refused"].includes(phase) || (phase === "idle" && earlier?.bytes))
      offer("Discard", () => upload.discard());
    const wanted = offers.map(([text]) => text).join("|");
    if (wanted === this.offered) return;
    this.offered = wanted;
    this.buttons.replaceChildren(...offers.map(([text, act]) => button(text, act)));
  }

  drawCurrent() {
    const current = this.upload.items.filter((i) => i.state === SENDING);
    this.now.hidden = !this.upload.going;
    const bar = () => make("div", { className: "lb-up-bar" }, make("div"));
    while (this.now.children.length < current.length)
      this.now.append(make("div", {}, make("span"), bar(), make("span")));
    [...this.now.children].forEach((row, i) => {
      const item = current[i];
      row.hidden = !item;
      if (!item) return;
      const share = `${Math.floor((100 * item.held) / item.size)}%`;
      say(row.firstChild, item.name);
      row.children[1].firstChild.style.width = share;
      say(row.lastChild, share);
    });
  }

  drawComplaint() {
    const { upload } = this;
    let text = upload.said?.text ?? "";
    if (upload.going && upload.silence > SILENT) text = silenceOf(upload.model.widget_manager?.kernel);
    if (upload.phase === "lost" && upload.items.length) text = GONE;
    this.told.hidden = !text;
    this.told.classList.toggle("lb-up-bad", Boolean(upload.said));
    if (text === this.complaint) return;
    this.complaint = text;
    this.told.replaceChildren(text, ...folded("For a report: where it happened", upload.said?.trace));
  }

  drawLists() {
    const { failed, leftOut } = this.upload;
    const key = [leftOut.length, failed.length, ...failed.slice(0, MOST_LISTED).map((i) => i.name + i.why)].join("\n");
    if (key === this.listed) return;
    this.listed = key;
    const parts = [];
    if (failed.length) {
      const rows = failed.slice(0, MOST_LISTED).map((i) => make("li", {}, make("b", {}, i.name), ` ${i.why}`));
      const rest = failed.length - rows.length;
      if (rest) rows.push(make("li", {}, `and ${rest} more`));
      parts.push(make("div", { className: "lb-up-failed" }, `${many(failed.length, "file")} did not arrive:`));
      parts.push(make("ul", {}, ...rows));
    }
    if (leftOut.length) {
      const names = leftOut.slice(0, 5).join(", ") + (leftOut.length > 5 ? ", …" : "");
      parts.push(make("div", { className: "lb-up-hint" }, `Left out, since they are no pictures: ${names}`));
    }
    this.more.replaceChildren(...parts);
  }
}

/** Why no answer comes, as far as the page can know; Colab's page knows nothing of its kernel. */
function silenceOf(kernel) {
  if (kernel?.connectionStatus && kernel.connectionStatus !== "connected")
    return "The connection to the kernel is lost. The upload goes on when it is back.";
  if (kernel?.status === "busy")
    return "It waits: the kernel is busy, probably with a cell that is running. The upload goes on after that.";
  return (
    "The kernel does not answer. If a cell is running, the upload goes on when that has ended; if not, run this cell " +
    "again and choose the same files: what has arrived is kept."
  );
}

/** What is said before anything was chosen: what an earlier upload has left. */
function leftovers({ phase, earlier }) {
  if (phase !== "idle" || !earlier?.bytes) return "";
  const parts = [];
  if (earlier.whole) parts.push(`${many(earlier.whole, "file")} not added yet`);
  if (earlier.partly) parts.push(`${many(earlier.partly, "file")} in part`);
  const what = `From an earlier upload: ${parts.join(" and ")}, ${bytes(earlier.bytes)}.`;
  return `${what} Choose the same files again, and only the rest is sent.`;
}

/** List the files of a drop, those in folders with the path to them. Chromium, Firefox and Safari know these names. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean); // gone after an await
  if (!entries.length) return [...transfer.files].map((file) => [file, file.name]);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (JUNK.test(entry.name)) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push([file, entry.fullPath.replace(/^\//, "")]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([]))); // 100 at a time
    if (!some.length) return;
    for (const inside of some) await walk(inside, found);
  }
}

function button(text, act, kind = "") {
  const made = make("button", { type: "button", className: `lb-up-button ${kind && `lb-up-${kind}`}` }, text);
  made.addEventListener("click", act);
  return quiet(made);
}

function folded(summary, text) {
  return text ? [make("details", {}, quiet(make("summary", {}, summary)), make("pre", {}, text))] : [];
}

function the(count) {
  return count === 1 ? "it" : `the ${count.toLocaleString("en")}`;
}

function bytes(count) {
  if (count < 1e6) return `${Math.ceil(count / 1e3)} kB`;
  return count < 1e9 ? `${Math.round(count / 1e6)} MB` : `${(count / 1e9).toFixed(2)} GB`;
}

function amount(part, all) {
  return all < 1e6 ? `${bytes(part)} of ${bytes(all)}` : `${mega(part)} of ${mega(all)} MB`;
}

function mega(count) {
  return Math.floor(count / 1e6).toLocaleString("en");
}

function time(seconds) {
  if (!(seconds < 60 * 60 * 24)) return "long";
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// One upload for a widget, in however many places it is shown.
export default () => {
  let upload;
  return {
    initialize({ model }) {
      upload = new Upload(model);
      return () => upload.end();
    },
    render({ el }) {
      const view = new View(upload, el);
      upload.views.add(view);
      return () => {
        upload.views.delete(view);
        if (!upload.views.size && upload.going) upload.stop();
      };
    },
  };
};
