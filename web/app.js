import { loadDetector } from './detector.js';

const find = (id) => document.getElementById(id);
const percent = (p) => `${(100 * p).toFixed(1)} %`;

function status(text, isError = false) {
  find('status').textContent = text;
  find('status').classList.toggle('error', isError);
}

function show(file, { label, pReal, milliseconds }, words) {
  URL.revokeObjectURL(find('photo').src);
  find('photo').src = URL.createObjectURL(file);
  find('verdict').textContent = words[label];
  for (const [id, p] of Object.entries({ real: pReal, fake: 1 - pReal })) {
    find(id).value = percent(p);
    find(`${id}-meter`).value = p; // Unrounded.
  }
  find('timing').textContent = `Judged on this device in ${milliseconds.toFixed(0)} ms.`;
  find('result').hidden = false;
}

function about({ metrics, provenance, threshold }) {
  const { counts } = provenance.dataset;
  const { accuracy, accuracy_interval_95: interval } = metrics.test.at_threshold;
  const tested = metrics.test.images.real + metrics.test.images.fake;
  return (
    `Custom CNN, trained on ${counts['train/real']} real and ${counts['train/fake']} fake faces ` +
    `(${provenance.dataset.names.join(', ')}); on ${tested} test images ${percent(accuracy)} were judged right ` +
    `(95 % interval ${percent(interval[0])} to ${percent(interval[1])}). ` +
    `Called real from P(real) ${threshold.toFixed(3)} on.`
  );
}

async function main() {
  const detector = await loadDetector();
  find('about').textContent = about(detector.info);

  async function judge(file) {
    if (!file) return;
    status('Judging…');
    try {
      show(file, await detector.classify(file), detector.info.words);
      status(`${file.name}: done.`);
    } catch (error) {
      find('result').hidden = true;
      status(`${file.name}: ${error.message}`, true);
    }
  }

  find('file').addEventListener('change', async ({ target }) => {
    await judge(target.files[0]);
    target.value = ''; // So that the same file can be chosen again.
  });
  const drop = find('drop');
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    judge(event.dataTransfer.files[0]);
  });

  find('file').disabled = false;
  status('Ready. Nothing you choose leaves this device.');
}

main().catch((error) => status(error.message, true));
