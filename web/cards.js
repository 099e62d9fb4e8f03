/** Results: one card a photo, one table and one CSV for all. */

const find = (id) => document.getElementById(id);

const EVIDENCE_COLOUR = 'rgb(214 64 0)'; // As in the Space.
const COVER_SIZE = 640; // Longer side, in pixels, of an evidence map as it is drawn.

export const percent = (p) => `${(100 * p).toFixed(1)} %`;

/**
 * Put a waiting card in front of those of earlier photos.
 *
 * @param {File} file
 * @param {Element|null} before The first of the earlier cards.
 * @returns {HTMLLIElement}
 */
export function addCard(file, before) {
  const card = find('card').content.cloneNode(true).firstElementChild;
  const image = card.querySelector('img');
  image.src = URL.createObjectURL(file);
  image.onerror = () => image.parentElement.remove(); // No picture; the card says why.
  card.querySelector('.name').textContent = file.name;
  find('results').insertBefore(card, before);
  return card;
}

/**
 * @param {HTMLLIElement} card
 * @param {import('./detector.js').Verdict} verdict
 * @param {object} info detector.json's content.
 */
export function showVerdict(card, { pReal, label, milliseconds, evidence, width, height }, info) {
  const part = (name) => card.querySelector(name);
  card.dataset.pReal = pReal; // Unrounded.
  card.dataset.label = label;
  part('.photo img').alt = `Judged photo ${part('.name').textContent}`;
  part('.verdict').textContent = info.words[label];
  part('.real').textContent = percent(pReal);
  part('.fake').textContent = percent(1 - pReal);
  part('.timing').textContent = `Judged on this device in ${milliseconds.toFixed(0)} ms.`;
  part('.mark').style.left = `${100 * pReal}%`;
  let meaning = `Probability of a real photo: ${percent(pReal)}.`;
  if (info.unsure) {
    const { low, high } = info.unsure;
    part('.unsure').style.left = `${100 * low}%`;
    part('.unsure').style.width = `${100 * (high - low)}%`;
    part('.unsure').hidden = false;
    meaning += ` Between ${percent(low)} and ${percent(high)} the detector is unsure.`;
  }
  part('.scale').setAttribute('aria-label', meaning);
  part('.judged').hidden = false;
  if (evidence) offerEvidence(card, evidence, width, height);
}

/**
 * Let a switch lay the evidence map over the photo.
 *
 * @param {HTMLLIElement} card
 * @param {{data: Float32Array, width: number, height: number}} evidence From a verdict.
 * @param {number} width Of the photo in pixels, as is `height`.
 */
function offerEvidence(card, { data, width: columns, height: rows }, width, height) {
  const map = new ImageData(columns, rows);
  data.forEach((share, index) => (map.data[4 * index + 3] = 255 * share));
  const small = new OffscreenCanvas(columns, rows);
  small.getContext('2d').putImageData(map, 0, 0);

  const cover = card.querySelector('.cover');
  const scale = COVER_SIZE / Math.max(width, height);
  cover.width = Math.ceil(width * scale); // The photo's shape, so that both fill their place alike.
  cover.height = Math.ceil(height * scale);
  const context = cover.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, cover.width, cover.height);
  context.globalCompositeOperation = 'source-in'; // Enlarged with the rest, the colour would overshoot.
  context.fillStyle = EVIDENCE_COLOUR;
  context.fillRect(0, 0, cover.width, cover.height);

  const caption = card.querySelector('.evidence small');
  if (!data.some((share) => share > 0)) caption.textContent = 'Nothing in this photo speaks for “fake”.';
  card.querySelector('.evidence input').addEventListener('change', ({ target }) => {
    cover.hidden = caption.hidden = !target.checked;
  });
  card.querySelector('.evidence').hidden = false;
}

/**
 * @param {HTMLLIElement} card
 * @param {import('./detector.js').Advice} advice
 * @param {object} info detector.json's content.
 */
export function showAdvice(card, { sentence, crop }, info) {
  const part = (name) => card.querySelector(name);
  part('.sentence').textContent = sentence;
  if (!crop) return;
  const { pReal, label, pixels } = crop;
  const picture = part('.crop canvas');
  picture.width = pixels.width;
  picture.height = pixels.height;
  picture.getContext('2d').putImageData(pixels, 0, 0);
  part('.crop-verdict').textContent = info.words[label];
  part('.crop-p').textContent = `${percent(pReal)} real, ${percent(1 - pReal)} fake`;
  part('.crop').hidden = false;
}

/** @param {HTMLLIElement} card @param {string} sentence What is wrong with the file. */
export function showError(card, sentence) {
  card.classList.add('error');
  card.querySelector('.verdict').textContent = 'Not judged';
  card.querySelector('.name').append(': ', sentence);
}

/**
 * @typedef {object} Row
 * @property {string} file
 * @property {string} verdict In words; empty with an error.
 * @property {number|''} p_real
 * @property {string} error
 */

/** @param {Row[]} rows All results; the table and the CSV are there from the second one on. */
export function showTable(rows) {
  const isWorthwhile = rows.length > 1;
  find('table').hidden = find('csv').hidden = !isWorthwhile;
  find('rows').replaceChildren(
    ...rows.map(({ file, verdict, p_real, error }) => {
      const row = document.createElement('tr');
      row.insertCell().textContent = file;
      row.insertCell().textContent = verdict || error;
      row.insertCell().textContent = p_real === '' ? '–' : p_real.toFixed(4);
      row.lastChild.className = 'number';
      return row;
    }),
  );
  URL.revokeObjectURL(find('csv').href);
  find('csv').href = URL.createObjectURL(new Blob([toCsv(rows)], { type: 'text/csv' }));
}

/**
 * @param {Row[]} rows
 * @returns {string} CSV (RFC 4180) with the columns of a row.
 */
export function toCsv(rows) {
  const columns = ['file', 'verdict', 'p_real', 'error'];
  const field = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const lines = rows.map((row) => columns.map((name) => field(row[name])).join(','));
  return [columns.join(','), ...lines, ''].join('\r\n');
}

/** Remove all cards and let go of their pictures. */
export function clearCards() {
  for (const image of find('results').querySelectorAll('img')) URL.revokeObjectURL(image.src);
  find('results').replaceChildren();
}
