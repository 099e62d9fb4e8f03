/**
 * Service worker: the page from a cache, so that it works offline and a second visit loads nothing.
 *
 * files.js lists every file with its sha256; its VERSION is a hash of that list and names the cache. Any change
 * to any file makes another files.js, browsers then see another worker, and it waits until the page takes it over.
 *
 * Written by hand rather than with Workbox (workbox-precaching 7.4.1 was tried): it fetches each listed file past the
 * browser's own cache, so that a first visit takes twice as many bytes; files without a revision it takes from there,
 * but never again. And all that is special here would still be to write: the second try of a file that differs, files
 * that are stored only once they are used, and the answer to an old page that asks for a newer version's file.
 */
/* global FILES, VERSION, fetchChecked */
const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
worker.importScripts('files.js', 'checked.js');

const HERE = new URL('./', worker.location.href).href; // Another copy of the page on this origin has caches of its own.
const CACHES = `deepfacedetect ${HERE} `;
const CACHE = CACHES + VERSION;
const SHARED = `shared ${HERE}`;

const pathOf = (url) => (url.startsWith(HERE) ? url.slice(HERE.length).replace(/[?#].*/, '') || 'index.html' : null);

/**
 * Put a file into this version's cache, checked, from the first place that has it.
 *
 * @param {string} path
 * @param {(() => Promise<Response|undefined>)[]} sources
 * @returns {Promise<Response>}
 */
async function store(path, sources) {
  const url = HERE + path;
  let headers;
  const noting = sources.map((source) => async () => {
    const response = await source();
    headers = response && { 'Content-Type': response.headers.get('Content-Type') ?? '' };
    return response;
  });
  const bytes = await fetchChecked(path, FILES[path].sha256, noting);
  const cache = await caches.open(CACHE);
  await cache.put(url, new Response(bytes, { headers }));
  return cache.match(url);
}

/** The network through the browser's own cache, then past it. */
const network = (path) => [() => fetch(HERE + path), () => fetch(HERE + path, { cache: 'reload' })];

worker.addEventListener('install', (event) => {
  const paths = Object.keys(FILES).filter((path) => !FILES[path].later);
  // An older version's cache comes first: a new version fetches only what changed.
  const all = paths.map((path) => store(path, [() => caches.match(HERE + path), ...network(path)]));
  event.waitUntil(Promise.all(all));
});

worker.addEventListener('activate', (event) => {
  const clean = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(CACHES) && name !== CACHE) await caches.delete(name);
    }
    await worker.clients.claim();
  };
  event.waitUntil(clean());
});

worker.addEventListener('message', ({ data }) => {
  if (data === 'take over') worker.skipWaiting();
});

async function answer(path, request) {
  const cached = request.cache !== 'reload' && (await (await caches.open(CACHE)).match(HERE + path));
  if (cached) return cached;
  const sources = request.cache === 'reload' ? network(path).slice(1) : network(path);
  try {
    return await store(path, sources);
  } catch {
    if (await isOutdated()) return new Response('', { status: 409 }); // As checked.js knows it.
    return fetch(request); // Unchecked and unstored; the page checks the model itself.
  }
}

/** Whether the host has another version by now: its files are not for this one's page. */
async function isOutdated() {
  const response = await fetch(`${HERE}files.js`, { cache: 'no-cache' }).catch(() => null);
  if (!response?.ok || (await response.text()).includes(`VERSION = '${VERSION}'`)) return false;
  worker.registration.update(); // So that the page offers it.
  return true;
}

/** Photos that another app shares to this one (manifest.webmanifest); the page fetches and deletes them. */
async function receive(request) {
  const cache = await caches.open(SHARED);
  const files = (await request.formData()).getAll('photos');
  for (const [index, file] of files.entries()) {
    await cache.put(`${HERE}shared/${index}/${encodeURIComponent(file.name)}`, new Response(file));
  }
  return Response.redirect(`${HERE}?shared`, 303);
}

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const path = pathOf(request.url);
  if (request.method === 'POST' && path === 'share') event.respondWith(receive(request));
  else if (request.method === 'GET' && path && FILES[path]) event.respondWith(answer(path, request));
});
