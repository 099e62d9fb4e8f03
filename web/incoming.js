/**
 * What people bring: files, folders, zips, pictures from other tabs. Each picture is read when its turn comes.
 *
 * @typedef {object} Photo
 * @property {string} name With its folders inside a folder or zip.
 * @property {() => Promise<Blob|ImageBitmap>} read Rejects with a sentence for a person.
 *
 * @typedef {object} Brought
 * @property {Photo[]} photos
 * @property {number} leftOut How many files of folders and zips were no pictures.
 */

import { crc32 } from './bytes.js';
import ZIPS from './zips.js';

const PICTURE = new RegExp(ZIPS.picture, 'i'); // Some of these get a sentence of their own.
const HIDDEN = new RegExp(ZIPS.hidden, 'i'); // What macOS adds to folders and zips.

const MAX_ZIP_BYTES = 1e9;
const ONLY_ADDRESS =
  'The browser gave only the address of that picture, and this page fetches nothing from elsewhere; ' +
  'copy the picture and paste it here, or save it and choose the file.';

const isPicture = (name) => PICTURE.test(name) && !HIDDEN.test(name);

/**
 * @param {Iterable<File>} files As chosen or pasted.
 * @returns {Promise<Brought>}
 */
export async function fromFiles(files) {
  const all = { photos: [], leftOut: 0 };
  for (const file of files) {
    const { photos, leftOut } = (await isZip(file)) ? await fromZip(file) : { photos: [photoOf(file)], leftOut: 0 };
    all.photos.push(...photos);
    all.leftOut += leftOut;
  }
  return all;
}

/**
 * @param {DataTransfer} transfer Of a drop or a paste; readable only while its event is handled, so what must be asked
 *   of it is asked before anything is awaited.
 * @returns {Promise<Brought>}
 * @throws {Error} In a sentence: there is a picture, but no more than its address.
 */
export async function fromTransfer(transfer) {
  const files = [...transfer.items].filter(({ kind }) => kind === 'file');
  const brought = files.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()).filter(Boolean);
  const hasAddress = /<img\b/i.test(transfer.getData('text/html')) || transfer.types.includes('text/uri-list');
  if (!brought.length && hasAddress) throw new Error(ONLY_ADDRESS);

  const single = [];
  const inFolders = [];
  for (const item of brought) {
    if (item instanceof File) single.push(item);
    else if (item.isFile) single.push(await fileOf(item));
    else inFolders.push(...(await filesBelow(item)));
  }
  const pictures = inFolders.filter(({ name }) => isPicture(name));
  const { photos, leftOut } = await fromFiles(single);
  return { photos: [...photos, ...pictures], leftOut: leftOut + inFolders.length - pictures.length };
}

const photoOf = (file) => ({ name: file.name, read: async () => file });

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

/** @returns {Promise<Photo[]>} Every file of a folder and its folders, by name. */
async function filesBelow(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (let some = null; some?.length !== 0; entries.push(...some)) {
    some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // A hundred at most.
  }
  entries.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  const found = [];
  for (const entry of entries) {
    if (entry.isDirectory) found.push(...(await filesBelow(entry)));
    else found.push({ name: entry.fullPath.replace(/^\//, ''), read: () => fileOf(entry) });
  }
  return found;
}

async function isZip(file) {
  const start = new Uint8Array(await file.slice(0, 4).arrayBuffer().catch(() => new ArrayBuffer(0)));
  return ['PK\x03\x04', 'PK\x05\x06'].includes(String.fromCharCode(...start)); // With entries; without any.
}

/** @param {File} file A zip. One that can't be read is a photo that says so. */
async function fromZip(file) {
  const refuse = (sentence) => {
    const read = () => Promise.reject(new Error(sentence));
    return { photos: [{ name: file.name, read }], leftOut: 0 };
  };
  if (file.size > MAX_ZIP_BYTES) return refuse(`The zip has more than ${MAX_ZIP_BYTES / 1e9} GB; split it.`);
  const entries = [];
  let unzip, checksums;
  try {
    await import('./vendor/fflate/index.js');
    const bytes = new Uint8Array(await file.arrayBuffer());
    unzip = (filter) => self.fflate.unzipSync(bytes, { filter });
    unzip((entry) => entries.push(entry) && false); // Lists, and unpacks nothing.
    checksums = checksumsOf(bytes, entries.length);
  } catch {
    return refuse(ZIPS.odd);
  }
  const files = entries.map((entry, index) => ({ entry, index, inside: entry.name.replaceAll('\\', '/') }));
  const wanted = files.filter(({ inside }) => !inside.endsWith('/'));
  const pictures = wanted.filter(({ inside }) => isPicture(inside));
  if (!pictures.length) return refuse(ZIPS.none);
  const photos = pictures.map(({ entry: { name, compression, size, originalSize }, index, inside }) => ({
    name: `${file.name}/${inside}`,
    async read() {
      try {
        if (!compression && size !== originalSize) throw new Error('Encrypted, which adds a header.');
        let at = 0;
        const content = unzip(() => at++ === index)[name]; // By its place: several may have one name.
        if (crc32(content) !== checksums[index]) throw new Error('Damaged.');
        return new File([content], inside);
      } catch {
        throw new Error(ZIPS.odd);
      }
    },
  }));
  return { photos, leftOut: wanted.length - pictures.length };
}

/**
 * @param {Uint8Array} bytes A zip that fflate has listed; it keeps the checksums to itself.
 * @param {number} count Of its entries.
 * @returns {number[]} CRC-32 of each, as the directory at the end has it (PKWARE's APPNOTE.TXT, 4.3.12).
 */
function checksumsOf(bytes, count) {
  const view = new DataView(bytes.buffer);
  let end = bytes.length - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end--;
  let at = view.getUint32(end + 16, true);
  if (at === 0xffffffff || view.getUint16(end + 8, true) === 0xffff) {
    const longEnd = view.getUint32(end - 12, true);
    if (view.getUint32(longEnd, true) === 0x06064b50) at = view.getUint32(longEnd + 48, true);
  }
  const found = [];
  for (let index = 0; index < count; index++) {
    found.push(view.getUint32(at + 16, true));
    at += 46 + [28, 30, 32].reduce((length, field) => length + view.getUint16(at + field, true), 0);
  }
  return found;
}
