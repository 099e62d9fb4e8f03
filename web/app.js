import { BACKENDS } from './backends.js';
import { offerCamera } from './camera.js';
import { addCard, clearCards, percent, said, showError, showTable, showVerdict } from './cards.js';
import { errorRow, pictureVerdict } from './chain.js';
import { listModels, loadDetector } from './detector.js';
import { find } from './elements.js';
import { fromFiles, fromTransfer } from './incoming.js';
import { sharedPhotos, workOffline } from './offline.js';
import ZIPS from './zips.js';

const THUMBNAIL = 800; // Longer side of a photo as a card shows it, in pixels.

/** Files of the folder of that name, and what their buttons say. */
const EXAMPLES = {
  'astronaut.jpg': 'a photo',
  'fake.jpg': 'a StyleGAN face',
  'group.jpg': 'a group of both',
  'drawing.jpg': 'a picture without a face',
};

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** @type {import('./detector.js').Detector|null} */
let detector;
let rows = [];
let queue = Promise.resolve(); // Photos are judged one after the other, in the order in which they came.
let batch = new AbortController(); // Replaced by "Clear": photos of an older one are no longer judged.

function status(text, isError = false) {
  find('status').textContent = text;
  find('status').classList.toggle('error', isError);
}

/** The bar and the words beside it, which no screen reader announces each time they change. */
function progress(value, max, words = '') {
  find('loading').hidden = value >= max;
  find('progress').max = max;
  find('progress').value = value;
  find('progress').ariaLabel = find('loaded').textContent = words;
}

/** @param {import('./info.js').Info} info */
function about({ name, metrics, provenance, threshold, unsure }) {
  const { counts, names } = provenance.dataset;
  const learnt = provenance.members
    ? `joined from ${provenance.members.map(({ model }) => model).join(' and ')}`
    : `trained on ${counts['train/real']} real and ${counts['train/fake']} fake faces (${names.join(', ')})`;
  const sentences = [`Model "${name}", ${learnt}.`];
  if (metrics.test) {
    const { images, at_threshold: at } = metrics.test;
    const [low, high] = at.accuracy_interval_95;
    sentences.push(
      `On ${images.real + images.fake} test images ${percent(at.accuracy)} were judged right ` +
        `(95 % interval ${percent(low)} to ${percent(high)}).`,
    );
  } else sentences.push('How often it is right was not measured on test images.');
  sentences.push(`Called real from P(real) ${threshold.toFixed(3)} on.`);
  if (unsure.low < unsure.high) {
    const rest = `; of the rest (${percent(unsure.coverage)} of photos) ${percent(unsure.accuracy)} were right`;
    sentences.push(
      `Between ${percent(unsure.low)} and ${percent(unsure.high)} it says "unsure"${unsure.coverage ? rest : ''}.`,
    );
  }
  sentences.push('P(real) is calibrated on validation images.');
  return sentences.join(' ');
}

/** @param {import('./info.js').Input} input */
function limits({ formats, max_bytes: bytes, max_pixels: pixels }) {
  const names = formats.map((name) => (name === 'WEBP' ? 'WebP' : name));
  return (
    `${names.slice(0, -1).join(', ')} or ${names.at(-1)} up to ${bytes / 1e6} MB and ${pixels / 1e6} megapixels, ` +
    'one by one, in folders or in zips; pasting works too'
  );
}

function showBackend({ name, milliseconds, note }) {
  find('backend-summary').textContent = `${BACKENDS[name]}, ${milliseconds.toFixed(0)} ms for a face`;
  find('backend-note').textContent = note;
}

/** Compute with what the settings name. */
async function useBackend() {
  find('backend-summary').textContent = 'testing…';
  showBackend(await detector.use(/** @type {'auto'|keyof typeof BACKENDS} */ (find('backend').value)));
}

/**
 * Judge a photo and show the verdict.
 *
 * @param {import('./incoming.js').Photo} photo
 * @param {HTMLLIElement} card
 * @param {AbortSignal} signal
 * @returns {Promise<{words: string, isError: boolean, rows: import('./detector.js').Row[]}>} words: the same, to be
 *   read aloud.
 */
async function judge({ name, read }, card, signal) {
  try {
    if (!detector) throw new Error('There is no model to judge it; reload the page.');
    const { info } = detector;
    const verdict = await detector.classify(await read(), { thumbnail: THUMBNAIL, signal });
    showVerdict(card, verdict, info);
    const { words, faces } = verdict;
    const each =
      faces.length === 1
        ? `${said(faces[0], info)}.`
        : [words, ...faces.map((face) => `Face ${face.face}: ${said(face, info)}`)].join('. ');
    return { words: `${name}: ${each}`, isError: false, rows: verdict.rows.map((row) => ({ ...row, file: name })) };
  } catch (error) {
    signal.throwIfAborted();
    showError(card, error.message);
    const row = errorRow(name, error.message, detector?.info ?? { name: null });
    return { words: `${name}: ${error.message}`, isError: true, rows: [row] };
  }
}

/** Of many photos: how many there are of each verdict, by their worst faces. */
function summary(judged, info) {
  const counts = {};
  for (const { rows } of judged) {
    const words = { ...info?.words, no_face: 'no face' }[pictureVerdict(rows)] ?? 'not judged';
    counts[words] = (counts[words] ?? 0) + 1;
  }
  const parts = Object.entries(counts).map(([words, count]) => `${count} × ${words}`);
  return `${judged.length} photos: ${parts.join(', ')}.`;
}

/** @param {import('./incoming.js').Brought} brought Judged after those that wait already. */
function add({ photos, leftOut }) {
  const { signal } = batch;
  const first = find('results').firstElementChild;
  const waiting = photos.map((photo) => ({ photo, card: addCard(photo.name, first) }));
  const others = leftOut ? ` ${ZIPS.left_out.replace('{count}', String(leftOut))}` : '';
  if (!photos.length) {
    if (others) status(`There is no picture in there.${others}`, true);
    return;
  }
  find('result').hidden = false;
  enqueue(async () => {
    if (signal.aborted) return;
    status(photos.length === 1 ? 'Judging…' : `Judging ${photos.length} photos…`);
    const judged = [];
    for (const { photo, card } of waiting) {
      judged.push(await judge(photo, card, signal));
      if (photos.length > 1) progress(judged.length, photos.length, `${judged.length} of ${photos.length} photos`);
    }
    rows = [...judged.flatMap((each) => each.rows), ...rows];
    showTable(rows, detector?.info);
    if (judged.length === 1) status(judged[0].words + others, judged[0].isError);
    else status(summary(judged, detector?.info) + others);
  });
}

function clear() {
  batch.abort();
  batch = new AbortController();
  rows = [];
  clearCards();
  showTable(rows);
  progress(1, 1);
  find('result').hidden = true;
  status('Cleared.');
  find('file').focus();
}

/** @param {Promise<import('./incoming.js').Brought>} bringing */
function addWhenRead(bringing) {
  bringing.then(add).catch((error) => status(error.message, true));
}

function acceptPhotos() {
  const field = find('file');
  field.addEventListener('change', () => {
    addWhenRead(fromFiles([...field.files]));
    field.value = ''; // So that the same file can be chosen again.
  });
  const drop = find('drop');
  addEventListener('dragover', (event) => {
    event.preventDefault(); // A photo dropped beside the field must not replace the page.
    drop.classList.add('over');
  });
  addEventListener('dragleave', () => drop.classList.remove('over'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    addWhenRead(fromTransfer(event.dataTransfer));
  });
  addEventListener('paste', ({ clipboardData }) => addWhenRead(fromTransfer(clipboardData)));
  offerCamera(
    (frame, name) => add({ photos: [{ name, read: async () => frame }], leftOut: 0 }),
    (sentence) => status(sentence, true),
  );
  find('clear').addEventListener('click', clear);
  for (const [file, words] of Object.entries(EXAMPLES)) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = words;
    button.addEventListener('click', () => add({ photos: [{ name: file, read: () => example(file) }], leftOut: 0 }));
    find('examples').append(button);
  }
}

async function example(name) {
  const response = await fetch(new URL(`examples/${name}`, import.meta.url)).catch(() => null);
  if (!response?.ok) throw new Error('The example could not be fetched; check the connection.');
  return new File([await response.blob()], name);
}

/** @param {string} folder Of the model, an address. */
async function load(folder) {
  find('file').disabled = find('backend').disabled = true;
  find('examples').hidden = true;
  detector?.close();
  detector = null;
  const label = 'Loading the model';
  status(`${label}…`);
  progress(0, 1, label);
  detector = await loadDetector({
    folder,
    onProgress: ({ loaded, total }) => progress(loaded, total, `${megabytes(loaded)} of ${megabytes(total)} MB`),
    onBackend: showBackend,
  });
  progress(1, 1);
  find('about').textContent = about(detector.info);
  find('limits').textContent = limits(detector.info.input);
  find('file').disabled = find('examples').hidden = false;
  status('Ready. Nothing you choose leaves this device.');
  enqueue(async () => {
    await useBackend(); // Behind the photos that are there already: they need no test.
    find('backend').disabled = false;
  });
}

/** Fill the choice of models, each with its size and accuracy; it stays hidden when there is only one. */
function offerModels(models, chosen) {
  find('model-choice').hidden = models.length < 2;
  for (const { folder, name, bytes, accuracy } of models) {
    const facts = [bytes && `${megabytes(bytes)} MB`, accuracy !== null && `${percent(accuracy)} of test images right`];
    const words = `${name}: ${facts.filter(Boolean).join(', ')}`;
    find('model').add(new Option(name ? words : `${folder.split('/').at(-2)}: missing`, folder));
  }
  const choice = find('model');
  choice.value = chosen;
  choice.addEventListener('change', () => {
    remember('model', choice.value);
    enqueue(() => load(choice.value));
  });
}

/** Run something after the photos that wait; its trouble is shown. */
function enqueue(action) {
  queue = queue.then(action).catch((error) => {
    if (error.name === 'AbortError') return; // Cleared.
    progress(1, 1);
    status(error.message, true);
  });
}

/** A stored choice, or a new one to store; a browser that stores nothing has none. */
function remember(key, value) {
  try {
    if (value) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * Another tab has taken a new version: what this one would fetch from here on belongs to that, so it reloads; with
 * results on it, it waits until its visitor has seen to them.
 */
function outdated() {
  if (find('result').hidden && !find('camera').open) return location.reload();
  batch.abort();
  find('file').disabled = find('model').disabled = find('backend').disabled = true;
  find('examples').hidden = find('use-camera').hidden = true;
  find('update').hidden = false;
  find('update').firstElementChild.textContent =
    'Another tab has taken a new version of this page. Save your results here, then take it too.';
  find('take-over').onclick = () => location.reload();
}

async function main() {
  status('Loading the model…');
  const choice = find('backend');
  choice.value = remember('backend');
  choice.value ||= 'auto'; // For no choice, and for one that this version does not offer.
  choice.addEventListener('change', () => {
    remember('backend', choice.value);
    enqueue(useBackend);
  });
  const models = await listModels();
  const folders = models.map(({ folder }) => folder);
  const chosen = folders.find((folder) => folder === remember('model')) ?? folders[0];
  offerModels(models, chosen);
  enqueue(() => load(chosen));
  acceptPhotos();
  await queue;
  add(await fromFiles(await sharedPhotos()));
  await workOffline(outdated); // Last: it reads every file again, from the browser's cache where it can.
}

main().catch((error) => status(error.message, true));
