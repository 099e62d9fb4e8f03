/**
 * Fetching with a check. A classic script, because the service worker can't import modules in every browser;
 * it defines three globals.
 */

/**
 * @param {ArrayBuffer} bytes
 * @returns {Promise<string>} SHA-256, 64 hexadecimal digits.
 */
self.sha256 = async (bytes) => {
  if (!crypto.subtle) throw new Error('Open this page over https; without it no browser can check the model.');
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
};

/**
 * @param {string} name For the sentence of the error.
 * @param {Response} response One of status 409 is the service worker's: the file is another version's.
 */
self.refuseNewer = (name, response) => {
  if (response.status !== 409) return;
  throw new Error(`${name} belongs to a newer version of this page; press "Use it now" above, or reload the page.`);
};

/**
 * Read a response that must have a given hash, from the first source that gives it.
 *
 * @param {string} name For the sentence of an error.
 * @param {string} sha256 What the bytes must hash to.
 * @param {(() => Promise<Response|undefined>)[]} sources Tried in this order; by default the network, then the
 *   network once more past the browser's own cache.
 * @param {(count: number) => void} onBytes Called with each chunk's size; negative when a source is given up.
 * @returns {Promise<ArrayBuffer>}
 * @throws {Error} The last source's trouble, in a sentence.
 */
self.fetchChecked = async (name, sha256, sources, onBytes = () => {}) => {
  let trouble;
  for (const source of sources) {
    let got = 0;
    try {
      const response = await source();
      if (!response) continue;
      self.refuseNewer(name, response);
      if (!response.ok) {
        throw new Error(`${name} is missing (HTTP ${response.status}); reload the page or tell its owner.`);
      }
      const chunks = [];
      const reader = response.body.getReader();
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        chunks.push(read.value);
        got += read.value.length;
        onBytes(read.value.length);
      }
      const bytes = await new Blob(chunks).arrayBuffer();
      if ((await self.sha256(bytes)) === sha256) return bytes;
      throw new Error(`${name} is damaged, even when fetched again; tell the page's owner.`);
    } catch (error) {
      onBytes(-got);
      trouble =
        error instanceof TypeError
          ? new Error(`${name} could not be fetched; check the connection and reload the page.`)
          : error;
    }
  }
  throw trouble;
};
