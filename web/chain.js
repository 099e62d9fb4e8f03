/** From a photo's pixels to a row for each face. */
import { loadFaces } from './faces.js';

export const COLUMNS = 'file face faces box roll verdict p_real unsure as_is advice model error'.split(' ');

const NO_FACE = 'No face was found, so there is no verdict.';

export async function loadChain(tf) {
  const faces = await loadFaces(tf);
  async function faceViews(pixels, asIs) {
    if (asIs) return [{ face: 1, faces: 1, box: null, roll: null, pixels, as_is: true, advice: null, tiny: false }];
    const found = await faces.findFaces(pixels);
    const views = [];
    for (const [i, face] of found.entries()) {
      const { right_eye: r, left_eye: l } = face.keypoints;
      views.push({
        face: i + 1,
        faces: found.length,
        box: face.box.map(Math.round),
        roll: (Math.atan2(l[1] - r[1], l[0] - r[0]) * 180) / Math.PI,
        pixels: await faces.alignedCrop(pixels, face),
        as_is: false,
        advice: null,
        tiny: face.box[2] - face.box[0] < 64,
      });
    }
    return views;
  }
  return { faceViews, rows, pictureVerdict, words };
}

export function rows(file, views, pReal, info) {
  if (!views.length) return [{ file, face: null, faces: 0, box: null, roll: null, verdict: 'no_face', p_real: null, unsure: false, as_is: false, advice: NO_FACE, model: info.name, error: null }];
  return views.map(({ face, faces, box, roll, as_is, advice, tiny }, i) => {
    const p = pReal[i];
    const unsure = tiny || Boolean(info.unsure && p >= info.unsure.low && p < info.unsure.high);
    const verdict = unsure ? 'unsure' : info.classes[Number(p >= info.threshold)];
    return { file, face, faces, box, roll, verdict, p_real: p, unsure, as_is, advice, model: info.name, error: null };
  });
}

export const errorRow = (file, sentence, info) => ({
  ...Object.fromEntries(COLUMNS.map((name) => [name, null])),
  file,
  model: info.name,
  error: sentence,
});

export function pictureVerdict(rows) {
  return ['fake', 'unsure', 'real', 'no_face'].find((label) => rows.some(({ verdict }) => verdict === label)) ?? null;
}

export function words(rows, info) {
  const label = pictureVerdict(rows);
  if (label === 'no_face') return NO_FACE;
  if (rows.length === 1) return info.words[label];
  const count = rows.filter(({ verdict }) => verdict === label).length;
  return `${count} of ${rows.length} faces: ${info.words[label].toLowerCase()}`;
}

export function toCsv(rows) {
  const cell = (value) => {
    if (value === null) return '';
    const text = Array.isArray(value) ? value.join(' ') : String(value);
    const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = rows.map((row) => COLUMNS.map((name) => cell(row[name])).join(','));
  return '\ufeff' + [COLUMNS.join(','), ...lines, ''].join('\r\n');
}
