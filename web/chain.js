/**
 * From a photo to what is said of its faces: what `train/chain/verdict.py` does, with the same keys and words.
 *
 *     const { facts, faceViews } = await loadChain(tf);
 *
 * @typedef {object} FaceView One face as the network is to see it.
 * @property {number} face 1 for the photo's largest, 2, ...
 * @property {number} faces How many the photo has.
 * @property {number[]|null} box Left, top, right, bottom in pixels of the photo; null where no face was looked for.
 * @property {number|null} roll Degrees, -180..180, positive for a face turned clockwise; null as for `box`.
 * @property {ImageData} pixels
 * @property {boolean} asIs Whether these are the photo's own pixels, not resampled.
 * @property {string|null} advice A sentence for the person who chose the photo; null when all is well.
 * @property {boolean} tiny Whether the face is too small for a sound verdict.
 */

import { loadFaces, partOf, rollOf, widthOf } from './faces.js';

/** Keys of a row, in the order of the tables; `train/chain/verdict.py` says what each holds. */
export const COLUMNS = [
  'file',
  'face',
  'faces',
  'box',
  'roll',
  'verdict',
  'p_real',
  'unsure',
  'as_is',
  'advice',
  'model',
  'error',
];

const NO_FACE = 'no_face';
/** @type {import('./detector.js').Label[]} */
const WORST_FIRST = ['fake', 'unsure', 'real', NO_FACE];

/** What makes a spreadsheet take a cell for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** Digits after the point in tables, the same in every place. */
const DIGITS = { roll: 1, p_real: 6 };

const rounded = (number, digits) => Math.round(number * 10 ** digits) / 10 ** digits;
const fill = (sentence, values) => sentence.replace(/{(\w+)}/g, (_, name) => values[name]);

/**
 * Load the face search.
 *
 * @param {object} tf TensorFlow.js, its backend set.
 * @throws {Error} In a sentence that names the file: missing, damaged, out of reach.
 */
export async function loadChain(tf) {
  const { facts, trim, findFaces, cut, isAligned } = await loadFaces(tf);

  /**
   * Trim a photo, find its faces and cut them out; the largest first, none where there is no face.
   *
   * @param {ImageData} pixels Upright.
   * @param {boolean} [asIs] Take it for an aligned face, whatever it shows.
   * @returns {Promise<FaceView[]>}
   */
  async function faceViews(pixels, asIs = false) {
    if (asIs) return [{ face: 1, faces: 1, box: null, roll: null, pixels, asIs: true, advice: null, tiny: false }];
    const [left, top, right, bottom] = trim(pixels);
    const isWhole = right - left === pixels.width && bottom - top === pixels.height;
    const inner = isWhole ? pixels : partOf(pixels, [left, top, right, bottom]);
    const found = await findFaces(inner);
    // Whoever else is in an aligned face's picture stands behind that one, as in FFHQ.
    const aligned = found.find((face) => isAligned(inner, face));
    const faces = aligned ? [aligned] : found;
    return faces.map((face, index) => {
      const [x0, y0, x1, y1] = face.box.map((at) => Math.floor(at + 0.5));
      const tiny = widthOf(face) < facts.tiny;
      return {
        face: index + 1,
        faces: faces.length,
        box: [
          Math.max(left + x0, left),
          Math.max(top + y0, top),
          Math.min(left + x1, right),
          Math.min(top + y1, bottom),
        ],
        roll: rollOf(face),
        pixels: aligned ? inner : cut(inner, face),
        asIs: Boolean(aligned),
        advice: tiny ? fill(facts.advice.tiny, { pixels: Math.floor(widthOf(face)) }) : null,
        tiny,
      };
    });
  }

  return { facts, faceViews };
}

/**
 * A row of COLUMNS, null what is not known.
 *
 * @param {import('./info.js').Named} info
 * @param {object} known
 */
const rowOf = (info, known) => ({
  ...Object.fromEntries(COLUMNS.map((column) => [column, null])),
  model: info.name,
  ...known,
});

/** @param {number} pReal @param {import('./info.js').Rule} info */
function verdictOf(pReal, { unsure, threshold }) {
  if (pReal >= unsure.low && pReal < unsure.high) return 'unsure';
  return pReal >= threshold ? 'real' : 'fake';
}

/**
 * What is said of a photo: one row a face, or one that says there is none.
 *
 * @param {string} file The photo's name.
 * @param {FaceView[]} views From `faceViews`.
 * @param {number[]} pReal Of each, 0..1.
 * @param {import('./info.js').Rule} info detector.json.
 * @param {object} facts faces.json, as `loadChain` returns it.
 * @returns {object[]} With the keys of COLUMNS, in that order.
 */
export function rows(file, views, pReal, info, facts) {
  if (!views.length) {
    const advice = facts.advice.none;
    return [rowOf(info, { file, faces: 0, verdict: NO_FACE, unsure: false, as_is: false, advice })];
  }
  return views.map(({ face, faces, box, roll, asIs, advice, tiny }, index) => {
    const verdict = tiny ? 'unsure' : verdictOf(pReal[index], info);
    return rowOf(info, {
      file,
      face,
      faces,
      box,
      roll: roll === null ? null : rounded(roll, DIGITS.roll),
      verdict,
      p_real: pReal[index],
      unsure: verdict === 'unsure',
      as_is: asIs,
      advice,
    });
  });
}

/**
 * The row of a file that can't be judged, with the sentence that says why.
 *
 * @param {string} file
 * @param {string} sentence
 * @param {import('./info.js').Named} info
 */
export const errorRow = (file, sentence, info) => rowOf(info, { file, error: sentence });

/**
 * @param {object[]} rows Of one picture.
 * @returns {import('./detector.js').Label|null} Its worst face's verdict; null for an error's row.
 */
export function pictureVerdict(rows) {
  if (rows[0].error !== null) return null;
  return WORST_FIRST.find((verdict) => rows.some((row) => row.verdict === verdict));
}

/**
 * The verdict on a picture for people, or why there is none.
 *
 * @param {object[]} rows Of one picture that could be judged.
 * @param {import('./info.js').Rule} info detector.json.
 * @param {object} facts faces.json, as `loadChain` returns it.
 */
export function words(rows, info, facts) {
  const verdict = pictureVerdict(rows);
  if (verdict === NO_FACE) return facts.words.none;
  if (rows.length === 1) return info.words[verdict];
  const count = rows.filter((row) => row.verdict === verdict).length;
  return fill(facts.words.several, { count, faces: rows.length, words: facts.words[verdict] });
}

function cellOf(value, column) {
  if (value === null) return '';
  if (Array.isArray(value)) return value.join(' ');
  if (column in DIGITS) return value.toFixed(DIGITS[column]);
  const text = typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * The rows as a table for spreadsheets: UTF-8 with its mark, and no text that one would run as a formula.
 *
 * @param {object[]} rows Of any number of pictures.
 * @returns {string} The mark is its first character.
 */
export function toCsv(rows) {
  const lines = [COLUMNS, ...rows.map((row) => COLUMNS.map((column) => cellOf(row[column], column)))];
  return `\ufeff${lines.map((line) => `${line.join(',')}\r\n`).join('')}`;
}
