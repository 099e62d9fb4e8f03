/** The page's side of the service worker (sw.js): offline use, new versions, photos shared to the page. */

import { find } from './elements.js';

const SHARED = `shared ${new URL('./', import.meta.url)}`; // The cache where sw.js leaves shared photos.

/**
 * Store the page for offline use, and offer every later version.
 *
 * @param {() => void} outdated Called when another tab has taken a new version.
 */
export async function workOffline(outdated) {
  const { serviceWorker } = navigator;
  if (!serviceWorker) {
    find('offline').textContent = 'This browser, or a page without https, can not work offline.';
    return;
  }
  let isMine = false; // Whether this tab asked for the new version.
  const offer = (waiting) => {
    find('update').hidden = false;
    find('take-over').onclick = () => {
      isMine = true;
      waiting.postMessage('take over');
    };
  };
  let controller = serviceWorker.controller;
  serviceWorker.addEventListener('controllerchange', () => {
    if (isMine) location.reload();
    else if (controller) outdated(); // Else it is the first worker, and of this version.
    controller = serviceWorker.controller;
  });
  try {
    const registration = await serviceWorker.register(new URL('sw.js', import.meta.url), { updateViaCache: 'none' });
    if (registration.waiting && serviceWorker.controller) offer(registration.waiting);
    registration.addEventListener('updatefound', () => {
      const { installing } = registration;
      installing.addEventListener('statechange', () => {
        if (installing.state === 'installed' && serviceWorker.controller) offer(installing);
        if (installing.state === 'redundant' && !registration.active) {
          find('offline').textContent = 'This page could not be stored for offline use; reload it to try again.';
        }
      });
    });
    await serviceWorker.ready;
    find('offline').textContent = 'This page is stored on this device and works offline.';
  } catch {
    find('offline').textContent = 'This page could not be stored for offline use.';
  }
}

/**
 * @returns {Promise<File[]>} Photos that another app shared to this one; each is given once.
 */
export async function sharedPhotos() {
  if (!new URLSearchParams(location.search).has('shared') || !globalThis.caches) return [];
  history.replaceState(null, '', location.pathname);
  const cache = await caches.open(SHARED);
  const files = [];
  for (const request of await cache.keys()) {
    const blob = await (await cache.match(request)).blob();
    const name = decodeURIComponent(new URL(request.url).pathname.split('/').pop());
    files.push(new File([blob], name, { type: blob.type }));
    await cache.delete(request);
  }
  return files;
}
