/** Results: one card a photo with a part for each face, one table and one CSV for all. */
import { toCsv } from './chain.js';
import { find } from './elements.js';

const EVIDENCE_COLOUR = 'rgb(214 64 0)'; // As in the Space.
const CROP_SIDE = 256; // Pixels of a face as it is drawn.
const SVG = 'http://www.w3.org/2000/svg';

export const percent = (p) => `${(100 * p).toFixed(1)} %`;

let cards = 0; // Made so far, for the faces' ids.

/**
 * Put a waiting card in front of those of earlier photos.
 *
 * @param {string} name Of the photo.
 * @param {Element|null} before The first of the earlier cards.
 * @returns {HTMLLIElement}
 */
export function addCard(name, before) {
  const card = /** @type {HTMLLIElement} */ (document.importNode(find('card').content, true).firstElementChild);
  card.id = `photo-${++cards}`;
  card.querySelector('.name').textContent = name;
  find('results').insertBefore(card, before);
  return card;
}

/**
 * @param {HTMLLIElement} card
 * @param {import('./detector.js').Verdict} verdict
 * @param {import('./info.js').Info} info
 */
export function showVerdict(card, { verdict, words, faces, rows, width, height, milliseconds, thumbnail }, info) {
  const part = (name) => card.querySelector(name);
  const name = part('.name').textContent;
  card.dataset.verdict = verdict;
  part('img').src = URL.createObjectURL(thumbnail);
  part('img').alt = `Judged photo ${name}`;
  part('.verdict').textContent = words;
  part('.scope').textContent = info.scope;
  part('.timing').textContent = `Judged on this device in ${milliseconds.toFixed(0)} ms.`;
  part('.judged').hidden = false;
  if (!faces.length) part('.sentence').textContent = rows[0].advice.replace(words, '').trim(); // What to do now.
  part('.faces').replaceChildren(...faces.map((face) => faceItem(card.id, face, info)));
  drawBoxes(part('.boxes'), card.id, faces, { width, height }, info);
  if (faces.some(({ evidence }) => evidence)) offerEvidence(card, faces);
}

/** The id of a face's part of a card. */
const idOf = (cardId, { face }) => `${cardId}-face-${face}`;

/**
 * A face's verdict in one phrase, for eyes and ears.
 *
 * @param {import('./detector.js').Row} face
 * @param {import('./info.js').Info} info
 */
export const said = ({ verdict, p_real }, info) => `${info.words[verdict]}, P(real) ${percent(p_real)}`;

/** Lay numbered boxes over the photo, each a link to its face. */
function drawBoxes(svg, cardId, faces, { width, height }, info) {
  const unit = Math.max(width, height) / 100;
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  for (const face of faces.filter(({ box }) => box)) {
    const [left, top, right, bottom] = face.box;
    const name = `Face ${face.face}: ${said(face, info)}`;
    const link = add(svg, 'a', { href: `#${idOf(cardId, face)}`, 'aria-label': name });
    link.dataset.verdict = face.verdict;
    add(link, 'rect', { x: left, y: top, width: right - left, height: bottom - top, class: 'outline' });
    const [x, y] = [Math.max(left, 0), Math.max(top, 0)]; // The number stays inside the photo.
    add(link, 'rect', { x, y, width: 7 * unit, height: 7 * unit, class: 'plate' });
    const number = add(link, 'text', { x: x + 3.5 * unit, y: y + 5.5 * unit, 'font-size': 5.5 * unit });
    number.textContent = face.face;
  }
}

function add(parent, tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return parent.appendChild(element);
}

/**
 * @param {string} cardId
 * @param {import('./detector.js').Row & import('./detector.js').Pixels} face
 * @param {import('./info.js').Info} info
 * @returns {HTMLLIElement} A face's part of a card.
 */
function faceItem(cardId, face, info) {
  const { verdict, p_real: pReal, as_is: isAsIs, advice, pixels, evidence } = face;
  const item = /** @type {HTMLLIElement} */ (document.importNode(find('face').content, true).firstElementChild);
  const part = (name) => item.querySelector(name);
  item.id = idOf(cardId, face);
  item.dataset.pReal = String(pReal); // Unrounded.
  item.dataset.verdict = verdict;
  drawCrop(part('.picture'), pixels);
  part('.picture').ariaLabel = `Face ${face.face}, ${isAsIs ? 'judged as it is' : 'cut out upright'}`;
  if (evidence) drawEvidence(part('.cover'), evidence, part('.picture'));
  part('.face-verdict').textContent = `Face ${face.face}: ${info.words[verdict]}`;
  part('.real').textContent = percent(pReal);
  part('.fake').textContent = percent(1 - pReal);
  part('.mark').style.left = `${100 * pReal}%`;
  const { low, high } = info.unsure;
  part('.unsure').style.left = `${100 * low}%`;
  part('.unsure').style.width = `${100 * (high - low)}%`;
  part('.scale').setAttribute(
    'aria-label',
    `Probability of a real photo: ${percent(pReal)}. ` +
      `Between ${percent(low)} and ${percent(high)} the detector is unsure.`,
  );
  part('.advice').textContent = advice ?? '';
  return item;
}

/** Draw a face, no larger than it is shown. */
function drawCrop(canvas, pixels) {
  const full = new OffscreenCanvas(pixels.width, pixels.height);
  full.getContext('2d').putImageData(pixels, 0, 0);
  const scale = Math.min(1, CROP_SIDE / Math.max(pixels.width, pixels.height));
  canvas.width = Math.max(1, Math.round(pixels.width * scale));
  canvas.height = Math.max(1, Math.round(pixels.height * scale));
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(full, 0, 0, canvas.width, canvas.height);
}

/** Draw an evidence map in the size of the face that it belongs to. */
function drawEvidence(cover, { data, width: columns, height: rows }, { width, height }) {
  const map = new ImageData(columns, rows);
  data.forEach((share, index) => (map.data[4 * index + 3] = 255 * share));
  const small = new OffscreenCanvas(columns, rows);
  small.getContext('2d').putImageData(map, 0, 0);
  [cover.width, cover.height] = [width, height];
  const context = cover.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, width, height);
  context.globalCompositeOperation = 'source-in'; // Enlarged with the rest, the colour would overshoot.
  context.fillStyle = EVIDENCE_COLOUR;
  context.fillRect(0, 0, width, height);
}

/** Let a switch lay the evidence maps over the faces of a card. */
function offerEvidence(card, faces) {
  const caption = card.querySelector('.evidence small');
  if (!faces.some(({ evidence }) => evidence?.data.some((share) => share > 0))) {
    caption.textContent = 'Nothing here speaks for “fake”.';
  }
  card.querySelector('.evidence input').addEventListener('change', ({ target }) => {
    for (const element of [caption, ...card.querySelectorAll('.cover')]) element.hidden = !target.checked;
  });
  card.querySelector('.evidence').hidden = false;
}

/** @param {HTMLLIElement} card @param {string} sentence What is wrong with the file. */
export function showError(card, sentence) {
  card.classList.add('error');
  card.querySelector('.photo').remove();
  card.querySelector('.verdict').textContent = 'Not judged';
  card.querySelector('.name').append(': ', sentence);
}

/**
 * @param {import('./detector.js').Row[]} rows All results; the table and the CSV are there from the second one on.
 * @param {import('./info.js').Info} [info] For the words.
 */
export function showTable(rows, info) {
  find('table').hidden = find('csv').hidden = rows.length < 2;
  find('rows').replaceChildren(
    ...rows.map(({ file, face, faces, verdict, p_real, advice, error }) => {
      const row = document.createElement('tr');
      row.insertCell().textContent = file;
      row.insertCell().textContent = face ? `${face} of ${faces}` : '–';
      row.insertCell().textContent = error ?? info?.words[verdict] ?? advice;
      const number = row.insertCell();
      number.textContent = p_real === null ? '–' : p_real.toFixed(4);
      number.className = 'number';
      return row;
    }),
  );
  URL.revokeObjectURL(find('csv').href);
  find('csv').href = URL.createObjectURL(new Blob([toCsv(rows)], { type: 'text/csv' }));
}

/** Remove all cards and let go of their pictures. */
export function clearCards() {
  for (const image of find('results').querySelectorAll('img')) URL.revokeObjectURL(image.src);
  find('results').replaceChildren();
}
