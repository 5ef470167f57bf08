/** Texts of strangers on their way to a terminal, which obeys control characters: they are shown instead. */

/** C0 and C1 controls, DEL, marks without width, line separators, and what turns the direction of writing. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROLS = /[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g;
// oxlint-disable-next-line no-control-regex -- the same, but what breaks lines and aligns words
const CONTROLS_WITHIN_LINES = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Each as `\u….`, as in JSON. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, escaped);
}

/** The same for a text of several lines, which stay: line feeds and tabs are not touched. */
export function escapeWithinLines(text: string): string {
  return text.replace(CONTROLS_WITHIN_LINES, escaped);
}

function escaped(control: string): string {
  return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
