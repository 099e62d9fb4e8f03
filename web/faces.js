/**
 * Find the faces in a photo, and cut one out as the models were trained to see it: what `train/chain/faces.py` does,
 * step by step and with its facts, `vendor/faces.json`.
 *
 *     const { findFaces, alignedCrop, situation, advice } = await loadFaces(tf);
 *
 * @typedef {object} Face In pixels of the photo, (0, 0) its upper left corner; parts may lie outside it.
 * @property {number[]} box Left, top, right, bottom; from the brows to the chin.
 * @property {number} score Confidence, 0..1.
 * @property {Object<string, number[]>} keypoints [x, y] of both eyes, nose, mouth and both ears.
 */

import { buildModel, fetchList, fetchListed, fetchModel } from './model.js';

const VENDOR = new URL('vendor/', import.meta.url).href;
const FILES = 'face-check.json'; // The sha256 of each file of the face check.
const FACTS = 'faces.json';
const NETWORK = 'blazeface';

/** Numbers the network gives for an anchor: box and keypoints, then the score's logit. */
const POINTS = 16;
const OUTPUTS = POINTS + 1;

/** Bits after the point of the weights when pictures are resized, so that every pixel is as Pillow rounds it. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

const between = (a, b, share) => a + (b - a) * share;
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const widthOf = ({ box }) => box[2] - box[0];

/**
 * Shrink or enlarge with a triangle filter as wide as a pixel of the smaller picture: Pillow's "bilinear".
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} source RGBA, as is what is returned; A is dropped.
 */
function resize(source, width, height) {
  const across = { data: new Uint8ClampedArray(4 * width * source.height), width, height: source.height };
  const down = { data: new Uint8ClampedArray(4 * width * height), width, height };
  filter(source.data, across.data, weights(source.width, width), [4, 4, 4 * source.width, 4 * width], source.height);
  filter(across.data, down.data, weights(source.height, height), [4 * width, 4 * width, 4, 4], width);
  return down;
}

/** Weighted means along one axis; the steps in bytes are from, to along that axis, then from, to between lines. */
function filter(from, to, kernels, [fromStep, toStep, fromLine, toLine], lines) {
  for (let line = 0; line < lines; line++) {
    let target = line * toLine;
    for (const { first, kernel } of kernels) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let index = line * fromLine + first * fromStep;
      for (let i = 0; i < kernel.length; i++) {
        red += kernel[i] * from[index];
        green += kernel[i] * from[index + 1];
        blue += kernel[i] * from[index + 2];
        index += fromStep;
      }
      to[target] = red >> WEIGHT_BITS;
      to[target + 1] = green >> WEIGHT_BITS;
      to[target + 2] = blue >> WEIGHT_BITS;
      to[target + 3] = 255;
      target += toStep;
    }
  }
}

/** For each pixel of the result: the first pixel of the source that it takes, and the weights from there on. */
function weights(from, to) {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(from, Math.floor(centre + reach + 0.5));
    const raw = Array.from({ length: end - first }, (_, i) =>
      Math.max(0, 1 - Math.abs(first + i + 0.5 - centre) / reach),
    );
    const total = sum(raw);
    return { first, kernel: Int32Array.from(raw, (weight) => Math.round((weight / total) * 2 ** WEIGHT_BITS)) };
  });
}

/** Where a position beyond 0..length - 1 falls when the picture is mirrored at its edges. */
function mirror(position, length) {
  const wrapped = ((position % (2 * length)) + 2 * length) % (2 * length);
  return Math.min(wrapped, 2 * length - 1 - wrapped);
}

/** FFHQ's square around a face: its centre, and the way from there to the middle of its right side. */
function squareOf({ right_eye: right, left_eye: left, mouth }) {
  const eyes = [(right[0] + left[0]) / 2, (right[1] + left[1]) / 2];
  const eyeToEye = [left[0] - right[0], left[1] - right[1]];
  const eyesToMouth = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
  const [x, y] = [eyeToEye[0] + eyesToMouth[1], eyeToEye[1] - eyesToMouth[0]];
  const reach = Math.max(2 * Math.hypot(...eyeToEye), 1.8 * Math.hypot(...eyesToMouth)) / Math.hypot(x, y);
  return {
    centre: [eyes[0] + 0.1 * eyesToMouth[0], eyes[1] + 0.1 * eyesToMouth[1]],
    side: [x * reach, y * reach],
  };
}

/** Where a point of the square, -1..1 from left to right and from top to bottom, lies in the photo. */
const within = ({ centre: [x, y], side: [u, v] }, s, t) => [x + s * u - t * v, y + s * v + t * u];

/** The content of a square of the photo in `source` x `source` pixels, shrunk to `size` x `size`. */
function cut(pixels, square, { source, size }) {
  const { data, width, height } = pixels;
  const large = { data: new Uint8ClampedArray(4 * source * source), width: source, height: source };
  for (let row = 0, target = 0; row < source; row++) {
    for (let column = 0; column < source; column++, target += 4) {
      const point = within(square, (2 * column + 1) / source - 1, (2 * row + 1) / source - 1);
      const [x, y] = [point[0] - 0.5, point[1] - 0.5];
      const [left, top] = [Math.floor(x), Math.floor(y)];
      const [dx, dy] = [x - left, y - top];
      const [x0, x1] = [4 * mirror(left, width), 4 * mirror(left + 1, width)];
      const [y0, y1] = [4 * width * mirror(top, height), 4 * width * mirror(top + 1, height)];
      for (let channel = 0; channel < 3; channel++) {
        const upper = between(data[y0 + x0 + channel], data[y0 + x1 + channel], dx);
        const lower = between(data[y1 + x0 + channel], data[y1 + x1 + channel], dx);
        large.data[target + channel] = Math.floor(between(upper, lower, dy)); // As Pillow rounds.
      }
    }
  }
  return new ImageData(resize(large, size, size).data, size, size);
}

/** Centres of the grids' elements, [x, y] in pixels of the network's square, in the order of its outputs. */
function anchorsOf({ size, grids }) {
  return grids.flatMap(({ side, anchors }) =>
    Array.from({ length: side * side * anchors }, (_, index) => {
      const element = Math.floor(index / anchors);
      return [((element % side) + 0.5) * (size / side), (Math.floor(element / side) + 0.5) * (size / side)];
    }),
  );
}

/** Where the network's square starts on its way along so many pixels, by half its side. */
function starts(length, side) {
  const last = length - side;
  return Array.from({ length: Math.ceil(last / (side / 2)) + 1 }, (_, index) => Math.min((index * side) / 2, last));
}

function overlap(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const shared = Math.max(0, width) * Math.max(0, height);
  return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared);
}

/** Make one of all those {score, points} that overlap the best one, their mean by score; the same with what is left. */
function blend(found, leastOverlap) {
  let left = [...found].sort((a, b) => b.score - a.score);
  const blended = [];
  while (left.length) {
    const [best] = left;
    const isSame = (other) => other === best || overlap(best.points, other.points) > leastOverlap;
    const same = left.filter(isSame);
    const total = sum(same.map(({ score }) => score));
    const mean = (_, i) => sum(same.map(({ score, points }) => score * points[i])) / total;
    blended.push({ score: best.score, points: Array.from(best.points, mean) });
    left = left.filter((other) => !isSame(other));
  }
  return blended;
}

/**
 * Load the network.
 *
 * @param {object} tf TensorFlow.js, its backend set.
 * @throws {Error} In a sentence that names the file: missing, damaged, out of reach.
 */
export async function loadFaces(tf) {
  const files = await fetchList(VENDOR + FILES);
  const [json, fetched] = await Promise.all([
    fetchListed(VENDOR, files, FACTS),
    fetchModel(`${VENDOR}${NETWORK}/`, files[NETWORK]),
  ]);
  const facts = JSON.parse(new TextDecoder().decode(json));
  const network = await buildModel(tf, fetched);
  const side = facts.network.size;
  const anchors = anchorsOf(facts.network);

  /** The network's outputs, Float32Array (anchors * OUTPUTS), for its square at (left, top) of a picture. */
  async function run({ data, width }, left, top) {
    const input = new Float32Array(side * side * 3);
    for (let row = 0, target = 0; row < side; row++) {
      let index = 4 * ((top + row) * width + left);
      for (let column = 0; column < side; column++, index += 4) {
        for (let channel = 0; channel < 3; channel++) input[target++] = data[index + channel] / 127.5 - 1;
      }
    }
    const output = tf.tidy(() => network.predict(tf.tensor4d(input, [1, side, side, 3])));
    try {
      return await output.data();
    } finally {
      output.dispose();
    }
  }

  /** {score, points: box and keypoints in pixels of the network's square} of the anchors that see a face. */
  function decode(outputs, leastScore) {
    const seen = [];
    anchors.forEach(([x, y], anchor) => {
      const start = anchor * OUTPUTS;
      const score = 1 / (1 + Math.exp(-outputs[start + POINTS]));
      if (score < leastScore) return;
      const numbers = outputs.subarray(start, start + POINTS);
      const [width, height] = [numbers[2], numbers[3]];
      const points = Array.from(numbers, (number, i) => number + (i % 2 ? y : x));
      points.splice(0, 4, points[0] - width / 2, points[1] - height / 2, points[0] + width / 2, points[1] + height / 2);
      seen.push({ score, points });
    });
    return seen;
  }

  async function search(pixels, { parts, least_score: leastScore }) {
    const scale = (parts * side) / Math.max(pixels.width, pixels.height);
    const [w, h] = [pixels.width, pixels.height].map((length) => Math.max(1, Math.floor(length * scale + 0.5)));
    const canvas = { width: Math.max(w, side), height: Math.max(h, side) };
    const [x, y] = [(canvas.width - w) >> 1, (canvas.height - h) >> 1];
    canvas.data = new Uint8ClampedArray(4 * canvas.width * canvas.height);
    const { data } = resize(pixels, w, h);
    for (let row = 0; row < h; row++) {
      canvas.data.set(data.subarray(4 * row * w, 4 * (row + 1) * w), 4 * ((y + row) * canvas.width + x));
    }
    const found = [];
    for (const top of starts(canvas.height, side)) {
      for (const left of starts(canvas.width, side)) {
        for (const { score, points } of decode(await run(canvas, left, top), leastScore)) {
          const toPhoto = (p, i) =>
            i % 2 ? ((p + top - y) * pixels.height) / h : ((p + left - x) * pixels.width) / w;
          found.push({ score, points: points.map(toPhoto) });
        }
      }
    }
    return blend(found, facts.overlap);
  }

  /**
   * The faces of a photo, the largest first.
   *
   * @param {ImageData} pixels Any size; alpha is ignored.
   * @returns {Promise<Face[]>}
   */
  async function findFaces(pixels) {
    for (const options of facts.searches) {
      if (options.parts > 1 && options.parts * side > Math.max(pixels.width, pixels.height)) break;
      const found = await search(pixels, options);
      if (found.length) {
        const pair = (points, i) => [points[4 + 2 * i], points[5 + 2 * i]];
        return found
          .map(({ score, points }) => ({
            box: points.slice(0, 4),
            score,
            keypoints: Object.fromEntries(facts.keypoints.map((name, i) => [name, pair(points, i)])),
          }))
          .sort((a, b) => widthOf(b) - widthOf(a));
      }
    }
    return [];
  }

  /**
   * Cut a face out upright, as FFHQ's photos were cut; what it needs beyond the photo's edges is mirrored there.
   *
   * @param {ImageData} pixels
   * @param {Face} face One that `findFaces` found there.
   * @returns {Promise<ImageData>} Of the size that the models were trained on.
   */
  async function alignedCrop(pixels, face) {
    const square = squareOf(face.keypoints);
    const crop = cut(pixels, square, facts.crop);
    const [again] = await findFaces(crop); // Seen as large as this, the keypoints are several times as exact.
    if (!again) return crop;
    const toPhoto = ([x, y]) => within(square, (2 * x) / crop.width - 1, (2 * y) / crop.height - 1);
    const keypoints = Object.fromEntries(Object.entries(again.keypoints).map(([name, at]) => [name, toPhoto(at)]));
    return cut(pixels, squareOf(keypoints), facts.crop);
  }

  const count = (faces) => faces.filter((face) => widthOf(face) >= facts.beside * widthOf(faces[0])).length;

  /**
   * What a photo's faces mean for its verdict; null when all is well.
   *
   * @param {Face[]} faces From `findFaces`.
   * @param {number} width Of the photo in pixels, as is `height`.
   * @returns {'none'|'several'|'tiny'|'small'|null} small: the crop helps.
   */
  function situation(faces, width, height) {
    if (!faces.length) return 'none';
    if (count(faces) > 1) return 'several';
    if (widthOf(faces[0]) < facts.tiny) return 'tiny';
    if (widthOf(faces[0]) < facts.small * Math.min(width, height)) return 'small';
    return null;
  }

  /**
   * One or two sentences on the situation for the person who chose the photo; null when all is well.
   *
   * @param {Face[]} faces From `findFaces`.
   * @param {number} width Of the photo in pixels, as is `height`.
   * @returns {string|null}
   */
  function advice(faces, width, height) {
    const key = situation(faces, width, height);
    if (!key) return null;
    const values = { count: count(faces), pixels: faces.length ? Math.floor(widthOf(faces[0])) : 0 };
    return facts.advice[key].replace(/{(\w+)}/g, (_, name) => values[name]);
  }

  return { findFaces, alignedCrop, situation, advice };
}
