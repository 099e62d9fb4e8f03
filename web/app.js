import { BACKENDS } from './backends.js';
import { offerCamera } from './camera.js';
import { addCard, clearCards, percent, showAdvice, showError, showTable, showVerdict } from './cards.js';
import { loadDetector, modelFolders } from './detector.js';
import { weightBytes } from './model.js';
import { sharedPhotos, workOffline } from './offline.js';

const BACKEND_KEY = 'backend'; // In localStorage.

const find = (id) => document.getElementById(id);
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

let detector;
let rows = [];
let queue = Promise.resolve(); // Photos are judged one after the other, in the order in which they came.
let generation = 0; // Raised by "Clear": photos of an older one are no longer judged.

function status(text, isError = false) {
  find('status').textContent = text;
  find('status').classList.toggle('error', isError);
}

function progress(label, value, max) {
  find('progress').hidden = value >= max;
  find('progress').ariaLabel = label;
  find('progress').max = max;
  find('progress').value = value;
}

function about({ name, metrics, provenance, threshold, unsure, temperature }) {
  const { counts } = provenance.dataset;
  const { accuracy, accuracy_interval_95: interval } = metrics.test.at_threshold;
  const tested = metrics.test.images.real + metrics.test.images.fake;
  return [
    `Model "${name}", trained on ${counts['train/real']} real and ${counts['train/fake']} fake faces ` +
      `(${provenance.dataset.names.join(', ')}); on ${tested} test images ${percent(accuracy)} were judged right ` +
      `(95 % interval ${percent(interval[0])} to ${percent(interval[1])}).`,
    `Called real from P(real) ${threshold.toFixed(3)} on.`,
    unsure &&
      `Between ${percent(unsure.low)} and ${percent(unsure.high)} it says "unsure"; of the rest ` +
        `(${percent(unsure.coverage)} of photos) ${percent(unsure.accuracy)} were right.`,
    temperature && 'P(real) is calibrated on validation images.',
  ]
    .filter(Boolean)
    .join(' ');
}

/** @param {string} wanted A backend's name or "auto". */
async function useBackend(wanted) {
  find('backend-summary').textContent = 'testing…';
  const { name, milliseconds, note } = await detector.use(wanted);
  find('backend-summary').textContent = `${BACKENDS[name]}, ${milliseconds.toFixed(0)} ms for a picture`;
  find('backend-note').textContent = note;
}

/**
 * Judge a photo and show the verdict; what the faces in it mean follows when it is found.
 *
 * @param {File} file
 * @param {HTMLLIElement} card
 * @returns {Promise<import('./cards.js').Row>}
 */
async function judge(file, card) {
  const row = { file: file.name, verdict: '', p_real: '', error: '' };
  try {
    if (!detector) throw new Error('There is no model to judge it; reload the page.');
    const { info } = detector;
    const verdict = await detector.classify(file);
    row.p_real = verdict.pReal;
    row.verdict = info.words[verdict.label];
    showVerdict(card, verdict, info);
    verdict.advice
      .catch(({ message }) => ({ sentence: message }))
      .then((advice) => advice && showAdvice(card, advice, info));
  } catch (error) {
    row.error = error.message;
    showError(card, error.message);
  }
  return row;
}

function summary(batch) {
  if (batch.length === 1) {
    const [{ file, verdict, p_real, error }] = batch;
    return error ? `${file}: ${error}` : `${file}: ${verdict}, P(real) ${percent(p_real)}.`;
  }
  const counts = {};
  for (const { verdict } of batch) counts[verdict || 'not judged'] = (counts[verdict || 'not judged'] ?? 0) + 1;
  return `${batch.length} photos: ${Object.entries(counts)
    .map(([what, count]) => `${count} × ${what}`)
    .join(', ')}.`;
}

/** @param {Iterable<File>} files Judged after those that wait already. */
function add(files) {
  const mine = generation;
  const first = find('results').firstElementChild;
  const photos = [...files].map((file) => ({ file, card: addCard(file, first) }));
  if (!photos.length) return;
  if (photos.length === 1) photos[0].card.querySelector('.advice').ariaLive = 'polite'; // Many would never end.
  find('result').hidden = false;
  queue = queue.then(async () => {
    if (mine !== generation) return;
    status(photos.length === 1 ? 'Judging…' : `Judging ${photos.length} photos…`);
    const batch = [];
    for (const { file, card } of photos) {
      const row = await judge(file, card);
      if (mine !== generation) return;
      batch.push(row);
      if (photos.length > 1) progress('Judging the photos', batch.length, photos.length);
    }
    rows = [...batch, ...rows];
    showTable(rows);
    status(summary(batch), batch.length === 1 && Boolean(batch[0].error));
  });
}

function clear() {
  generation += 1;
  rows = [];
  clearCards();
  showTable(rows);
  progress('', 1, 1);
  find('result').hidden = true;
  status('Cleared.');
  find('file').focus();
}

function acceptPhotos() {
  find('file').addEventListener('change', ({ target }) => {
    add(target.files);
    target.value = ''; // So that the same file can be chosen again.
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
    add(event.dataTransfer.files);
  });
  addEventListener('paste', ({ clipboardData }) => add(clipboardData.files));
  offerCamera(
    (file) => add([file]),
    (sentence) => status(sentence, true),
  );
  find('clear').addEventListener('click', clear);
}

/** @param {string} folder Of the model, an address. */
async function load(folder) {
  find('file').disabled = find('backend').disabled = true;
  detector?.close();
  detector = null;
  const label = 'Loading the model';
  progress(label, 0, 1);
  detector = await loadDetector({
    folder,
    onProgress({ loaded, total }) {
      progress(label, loaded, total);
      status(`${label}: ${megabytes(loaded)} of ${megabytes(total)} MB`);
    },
  });
  progress(label, 1, 1);
  find('about').textContent = about(detector.info);
  find('file').disabled = false;
  status('Ready. Nothing you choose leaves this device.');
  enqueue(async () => {
    await useBackend(find('backend').value); // Behind the photos that are there already: they need no test.
    find('backend').disabled = false;
  });
}

/** Fill the choice of models, each with its size and accuracy; it stays hidden when there is only one. */
async function offerModels(folders) {
  find('model-choice').hidden = folders.length < 2;
  if (folders.length < 2) return;
  for (const folder of folders) find('model').add(new Option(await describeModel(folder), folder));
  find('model').addEventListener('change', ({ target }) => enqueue(() => load(target.value)));
}

/** @returns {Promise<string>} For the choice; a model that is missing must not keep the others from being offered. */
async function describeModel(folder) {
  try {
    const [info, { weightsManifest }] = await Promise.all(
      ['detector.json', 'model.json'].map(async (name) => (await fetch(folder + name)).json()),
    );
    const accuracy = percent(info.metrics.test.at_threshold.accuracy);
    return `${info.name}: ${megabytes(weightBytes(weightsManifest))} MB, ${accuracy} of test images right`;
  } catch {
    return `${folder.split('/').at(-2)}: missing`;
  }
}

/** Run something after the photos that wait; its trouble is shown. */
function enqueue(action) {
  queue = queue.then(action).catch((error) => {
    progress('', 1, 1);
    status(error.message, true);
  });
}

/** The stored choice of backend, or a new one to store; a browser that stores nothing always starts with "auto". */
function rememberBackend(name) {
  try {
    if (name) localStorage.setItem(BACKEND_KEY, name);
    return localStorage.getItem(BACKEND_KEY) ?? 'auto';
  } catch {
    return 'auto';
  }
}

async function main() {
  find('backend').value = rememberBackend();
  find('backend').addEventListener('change', ({ target }) => {
    rememberBackend(target.value);
    enqueue(() => useBackend(target.value));
  });
  const folders = await modelFolders();
  enqueue(() => load(folders[0]));
  acceptPhotos();
  await queue; // The other models' sizes and figures can wait for the default one.
  await offerModels(folders);
  add(await sharedPhotos());
  await workOffline(); // Last: it fetches every file again, mostly from the browser's own cache.
}

main().catch((error) => status(error.message, true));
