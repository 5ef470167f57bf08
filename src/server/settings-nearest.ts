/** The right word for a misspelt one. */

/** More wrong letters than this and no word is proposed; short words are allowed fewer. */
const EDITS_MAX = 3;
const EDITS_MIN = 2;

/** The candidate with the fewest edits from `word`; none when all are too far. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: closeness(word, candidate) }))
    .toSorted((a, b) => a.edits - b.edits);
  const best = ranked[0];
  const allowed = Math.min(EDITS_MAX, Math.max(EDITS_MIN, Math.floor(word.length / 3)));
  return best !== undefined && best.edits <= allowed ? best.candidate : undefined;
}

/** A key in the wrong section is as good as one with a letter wrong. */
function closeness(word: string, candidate: string): number {
  const last = (text: string): string => text.slice(text.lastIndexOf('.') + 1);
  return Math.min(edits(word, candidate), edits(last(word), last(candidate)) + 1);
}

/** Levenshtein's distance, two rows of its table at a time. */
function edits(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const row = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = above[j]! + (a[i] === b[j] ? 0 : 1);
      row.push(Math.min(change, above[j + 1]! + 1, row[j]! + 1));
    }
    above = row;
  }
  return above[b.length]!;
}
