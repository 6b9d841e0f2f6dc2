// How a caption is made of tags; loranb/dataset/tag_text.py says the same to the kernel, and a test compares them.
//
// A caption is split so that its parts, put together, are that caption again: whatever is not edited stays as it is,
// letter by letter.

const MARK = /\\[\\()[\]{}]|\|\|\||;;;|[([{](?![ \t]*(?:,|\n|$))|[)\]},\n]/g; // a bracket right before a comma is a mouth
const SEPARATES = new Set([",", "\n", "|||", ";;;"]);
const OPENS = { ")": "(", "]": "[", "}": "{" };
const WEIGHT = /\s*:\s*[-+]?(?:\d+\.?\d*|\.\d+)\s*$/;

/** Find where a caption is to be split: begin and end of each separator. A comma within brackets is none. */
function separators(text) {
  let found = [];
  let open = []; // brackets, and how many separators were found before each
  for (const match of text.matchAll(MARK)) {
    const mark = match[0];
    if (SEPARATES.has(mark)) {
      found.push([match.index, match.index + mark.length]);
      if (mark !== ",") open = [];
    } else if ("([{".includes(mark)) {
      open.push([mark, found.length]);
    } else if (OPENS[mark]) {
      const at = open.findLastIndex(([opening]) => opening === OPENS[mark]);
      if (at < 0) continue;
      found = found.slice(0, open[at][1]);
      open = open.slice(0, at);
    }
  }
  return found;
}

/** Split a caption into its tags, each with the space around it and the separator behind it. */
function splitTags(text) {
  const tags = [];
  let start = 0;
  for (const [begin, end] of [...separators(text), [text.length, text.length]]) {
    const part = text.slice(start, begin);
    if (start < end) {
      const core = part.trim();
      const at = core ? part.indexOf(core) : part.length;
      tags.push({ before: part.slice(0, at), text: core, after: part.slice(at + core.length) + text.slice(begin, end) });
    }
    start = end;
  }
  return tags;
}

function joinTags(tags) {
  return tags.map(({ before, text, after }) => before + text + after).join("");
}

/** Whether the bracket that opens a tag is closed by the last letter of it. */
function isEnclosed(words) {
  const open = [];
  for (const match of words.matchAll(MARK)) {
    if ("([{".includes(match[0])) open.push(match[0]);
    else if (OPENS[match[0]]) {
      if (open.pop() !== OPENS[match[0]]) return false;
      if (!open.length) return match.index + 1 === words.length;
    }
  }
  return false;
}

/** What a tag is called, for comparing: no weight, no brackets around it, no underscores, no capitals. */
function tagName(tag) {
  let words = tag;
  while (words.length > 2 && "([".includes(words[0]) && isEnclosed(words)) {
    const inner = words.slice(1, -1);
    const bare = (words[0] === "(" ? inner.replace(WEIGHT, "") : inner).trim();
    if (!bare) break;
    words = bare;
  }
  const plain = words.replaceAll(/\\([\\()[\]{}])/g, "$1").replaceAll("_", " ");
  return plain.split(/\s+/).filter(Boolean).join(" ").toLowerCase() || tag.trim().toLowerCase();
}

/** Where a caption has a tag; -1 where it has not. */
function placeOf(text, tag) {
  const name = tagName(tag);
  return splitTags(text).findIndex((said) => said.text && tagName(said.text) === name);
}

/** Take the tag at a place out, and of the two separators beside it the one that means less. */
function withoutTag(text, place) {
  const tags = splitTags(text);
  const [gone] = tags.splice(place, 1);
  const [left, right] = [tags[place - 1], tags[place]];
  if (!right && left) left.after = gone.after;
  else if (left && !/,$/.test(gone.after) && /,$/.test(left.after)) left.after = gone.after;
  else if (right && !/\n$/.test(left?.after ?? "\n")) right.before ||= gone.before;
  else if (right) right.before = gone.before;
  return joinTags(tags);
}

/** Write another tag in a place, or take it out where none is given. */
function withTagAt(text, place, words) {
  if (!words.trim()) return withoutTag(text, place);
  const tags = splitTags(text);
  tags[place].text = words.trim();
  return joinTags(tags);
}

/** Put a tag at the end. */
function withTag(text, words) {
  const body = text.trimEnd();
  const between = !body ? "" : /(,|\|\|\||;;;)$/.test(body) ? " " : ", ";
  return body + between + words.trim() + text.slice(body.length);
}

/** Move a tag to the place of another; separators stay where they are. Places are those of tags that are not blank. */
function withTagMoved(text, from, to) {
  const tags = splitTags(text);
  const full = tags.filter((tag) => tag.text);
  const words = full.map((tag) => tag.text);
  words.splice(to, 0, ...words.splice(from, 1));
  full.forEach((tag, i) => (tag.text = words[i]));
  return joinTags(tags);
}

/** Put a tag in at the end, or take it out if it is there. */
function withTagToggled(text, tag) {
  const place = placeOf(text, tag);
  return place < 0 ? withTag(text, tag) : withoutTag(text, place);
}
