/**
 * Find the faces in a photo, and cut each out as the models were trained to see it: what `train/chain/faces.py` does,
 * step by step and with its facts, `vendor/faces.json`, which are explained there.
 *
 *     const { facts, findFaces, cut, isAligned } = await loadFaces(tf);
 *
 * @typedef {object} Face In pixels of the photo, (0, 0) its upper left corner; parts may lie outside it.
 * @property {number[]} box Left, top, right, bottom of an upright square; from the brows to the chin.
 * @property {number} score Confidence, 0..1.
 * @property {Object<string, number[]>} keypoints [x, y] of both eyes, nose, mouth and both ears.
 *
 * @typedef {{centre: number[], side: number[]}} Square Its centre, and the way from there to the middle of its right
 *   side; [x, y] in pixels of the photo.
 *
 * @typedef {{score: number, points: number[]}} Row x and y of the box's corners and of the keypoints.
 */

import { buildModel, fetchList, fetchListed, fetchModel } from './model.js';

const VENDOR = new URL('vendor/', import.meta.url).href;
const FILES = 'face-check.json'; // The sha256 of each file of the face check.
const FACTS = 'faces.json';
const NETWORK = 'blazeface';

/** Numbers the network gives for an anchor: box and keypoints, then the score's logit. */
const POINTS = 16;
const OUTPUTS = POINTS + 1;

/** Thousandths that red, green and blue have in brightness, as JPEG counts. */
const BRIGHTNESS = [299, 587, 114];

/** Bits after the point of the weights when pictures are resized, so that every pixel is as Pillow rounds it. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

const between = (a, b, share) => a + (b - a) * share;
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const degrees = (y, x) => (Math.atan2(y, x) * 180) / Math.PI;

/** @param {Face} face */
export const widthOf = ({ box }) => box[2] - box[0];

/**
 * @param {Face} face
 * @returns {number} Degrees, -180..180, from the eyes: 0 when upright, positive when turned clockwise as seen.
 */
export const rollOf = ({ keypoints: { right_eye: right, left_eye: left } }) =>
  degrees(left[1] - right[1], left[0] - right[0]);

/**
 * What a photo shows within uniform borders: frames, bars, the black around it in a screenshot.
 *
 * @param {ImageData} pixels
 * @param {object} facts `trim` of faces.json.
 * @returns {number[]} Left, top, right, bottom of what is left.
 */
function trim(pixels, facts) {
  let box = [0, 0, pixels.width, pixels.height];
  for (let round = 0; round < 8; round++) {
    const [left, top, right, bottom] = box;
    const lines = [
      { row: top, from: left, to: right },
      { row: bottom - 1, from: left, to: right },
      { column: left, from: top, to: bottom },
      { column: right - 1, from: top, to: bottom },
    ];
    const inner = lines
      .map((line) => within(pixels, box, medianOf(pixels, line), facts))
      .find((inner) => inner.some((side, i) => side !== box[i]));
    if (!inner) return box;
    box = inner;
  }
  return box;
}

/** Index of the first byte of a line of pixels, and the step to the next pixel. */
const stepsOf = ({ width }, { row, column, from }) =>
  row === undefined ? [4 * (from * width + column), 4 * width] : [4 * (row * width + from), 4];

function medianOf(pixels, line) {
  const count = line.to - line.from;
  const [first, step] = stepsOf(pixels, line);
  return [0, 1, 2].map((channel) => {
    const often = new Uint32Array(256);
    for (let i = 0, at = first + channel; i < count; i++, at += step) often[pixels.data[at]]++;
    let value = 0;
    for (let seen = often[0]; seen <= count >> 1; seen += often[value]) value++;
    return value;
  });
}

/** The box of what is not a border of this colour, sides without a straight edge left where they are. */
function within(pixels, box, colour, { differs, few, edge, ringing, least }) {
  const { data } = pixels;
  const [left, top, right, bottom] = box;
  const [red, green, blue] = BRIGHTNESS;
  const brightness = red * colour[0] + green * colour[1] + blue * colour[2];

  /** Of a line's pixels, those of another colour. */
  function shareOf(line) {
    const count = line.to - line.from;
    let others = 0;
    for (let [at, step] = stepsOf(pixels, line), i = 0; i < count; i++, at += step) {
      const difference = red * data[at] + green * data[at + 1] + blue * data[at + 2] - brightness;
      if (Math.abs(difference) > 1000 * differs) others++;
    }
    return others / count;
  }

  /** The first of so many lines with that share; -1 without one. */
  function first(lineAt, count, share) {
    for (let index = 0; index < count; index++) if (shareOf(lineAt(index)) >= share) return index;
    return -1;
  }

  const rows = (start, step, from, to) => (index) => ({ row: start + step * index, from, to });
  const columns = (start, step, from, to) => (index) => ({ column: start + step * index, from, to });
  const above = first(rows(top, 1, left, right), bottom - top, few);
  if (above < 0) return box;
  const below = first(rows(bottom - 1, -1, left, right), bottom - top, few);
  const [y0, y1] = [top + above, bottom - below];
  const before = first(columns(left, 1, y0, y1), right - left, few);
  if (before < 0) return box;
  const after = first(columns(right - 1, -1, y0, y1), right - left, few);
  const [x0, x1] = [left + before, right - after];

  /** How many lines a border has of which so many are quiet. */
  function border(quiet, lineAt, count) {
    const found = quiet ? first(lineAt, Math.min(ringing + 1, count), edge) : -1;
    return found < 0 ? 0 : quiet + found;
  }
  const inner = [
    left + border(before, columns(x0, 1, y0, y1), x1 - x0),
    top + border(above, rows(y0, 1, x0, x1), y1 - y0),
    right - border(after, columns(x1 - 1, -1, y0, y1), x1 - x0),
    bottom - border(below, rows(y1 - 1, -1, x0, x1), y1 - y0),
  ];
  return Math.min(inner[2] - inner[0], inner[3] - inner[1]) < least ? box : inner;
}

/** Part of a picture, {data, width, height}. */
export function partOf({ data, width }, [left, top, right, bottom]) {
  const part = new ImageData(right - left, bottom - top);
  for (let row = top; row < bottom; row++) {
    part.data.set(data.subarray(4 * (row * width + left), 4 * (row * width + right)), 4 * (row - top) * part.width);
  }
  return part;
}

/**
 * Shrink or enlarge with a triangle filter as wide as a pixel of the smaller picture: Pillow's "bilinear".
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} source RGBA, as is what is returned; A is dropped.
 */
function resampled(source, width, height) {
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

/**
 * FFHQ's square around a face.
 *
 * @param {Object<string, number[]>} keypoints
 * @param {{down: number, level: number, eyes: number, mouth: number}} facts `square` of faces.json.
 * @returns {Square}
 */
function squareOf({ right_eye: right, left_eye: left, mouth }, { down, level, eyes: ofEyes, mouth: ofMouth }) {
  const eyes = [(right[0] + left[0]) / 2, (right[1] + left[1]) / 2];
  const eyeToEye = [left[0] - right[0], left[1] - right[1]];
  const eyesToMouth = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
  const [x, y] = [level * eyeToEye[0] + eyesToMouth[1], level * eyeToEye[1] - eyesToMouth[0]];
  const reach =
    Math.max(ofEyes * Math.hypot(...eyeToEye), ofMouth * Math.hypot(...eyesToMouth)) / Math.hypot(x, y);
  return {
    centre: [eyes[0] + down * eyesToMouth[0], eyes[1] + down * eyesToMouth[1]],
    side: [x * reach, y * reach],
  };
}

/**
 * The content of a square of the photo, resampled once.
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} photo
 * @param {Square} square
 * @param {number} size Height and width to make.
 */
function cutSquare({ data, width, height }, { centre: [x, y], side: [u, v] }, size) {
  const scale = (2 * Math.hypot(u, v)) / size;
  const block = Math.max(Math.floor(scale), 1);
  const reach = Math.abs(u) + Math.abs(v) + 2 * block; // Two more for what lies between pixels.
  const [left, top] = [Math.floor(x - reach), Math.floor(y - reach)];
  const count = Math.ceil((2 * reach) / block) + 1;
  const columns = Int32Array.from({ length: count * block }, (_, i) => 4 * mirror(left + i, width));
  const rows = Int32Array.from({ length: count * block }, (_, i) => 4 * width * mirror(top + i, height));
  const region = new Uint8Array(3 * count * count);
  const area = block * block;
  for (let row = 0, target = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      let [red, green, blue] = [0, 0, 0];
      for (let i = row * block; i < (row + 1) * block; i++) {
        for (let j = column * block; j < (column + 1) * block; j++) {
          const at = rows[i] + columns[j];
          red += data[at];
          green += data[at + 1];
          blue += data[at + 2];
        }
      }
      region[target++] = Math.floor((2 * red + area) / (2 * area));
      region[target++] = Math.floor((2 * green + area) / (2 * area));
      region[target++] = Math.floor((2 * blue + area) / (2 * area));
    }
  }
  const grid = scale > block ? 2 : 1;
  const at = (index) => ((index + 0.5) * 2) / (size * grid) - 1;
  const means = new Float64Array(3 * size * size);
  for (let i = 0; i < size * grid; i++) {
    const t = at(i);
    for (let j = 0; j < size * grid; j++) {
      const s = at(j);
      const across = (x + s * u - t * v - left) / block - 0.5;
      const down = (y + s * v + t * u - top) / block - 0.5;
      const [column, row] = [Math.floor(across), Math.floor(down)];
      const [dx, dy] = [across - column, down - row];
      const upper = 3 * (row * count + column);
      const lower = upper + 3 * count;
      const target = 3 * (Math.floor(i / grid) * size + Math.floor(j / grid));
      for (let channel = 0; channel < 3; channel++) {
        means[target + channel] += between(
          between(region[upper + channel], region[upper + 3 + channel], dx),
          between(region[lower + channel], region[lower + 3 + channel], dx),
          dy,
        );
      }
    }
  }
  const cut = new ImageData(size, size);
  for (let from = 0, to = 0; from < means.length; to += 4) {
    for (let channel = 0; channel < 3; channel++) {
      cut.data[to + channel] = Math.floor(means[from++] / (grid * grid) + 0.5);
    }
    cut.data[to + 3] = 255;
  }
  return cut;
}

/** A picture {data, width, height} with each pixel from where `from(row, column)` says, as [row, column]. */
function rearrange({ data, width: stride }, width, height, from) {
  const [source, target] = [new Uint32Array(data.buffer, data.byteOffset), new Uint32Array(width * height)];
  for (let row = 0, next = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [i, j] = from(row, column);
      target[next++] = source[i * stride + j];
    }
  }
  return { data: new Uint8ClampedArray(target.buffer), width, height };
}

/** A picture turned by so many quarters, anticlockwise. */
function turn(picture, quarters) {
  const { width, height } = picture;
  switch (quarters) {
    case 1:
      return rearrange(picture, height, width, (row, column) => [column, width - 1 - row]);
    case 2:
      return rearrange(picture, width, height, (row, column) => [height - 1 - row, width - 1 - column]);
    case 3:
      return rearrange(picture, height, width, (row, column) => [height - 1 - column, row]);
    default:
      return picture;
  }
}

const mirrorImage = (picture) =>
  rearrange(picture, picture.width, picture.height, (row, column) => [row, picture.width - 1 - column]);

const pairsOf = (points) => Array.from({ length: points.length / 2 }, (_, i) => [points[2 * i], points[2 * i + 1]]);

/** A row of a picture that `turn` turned, in the picture of that width and height before. */
function turnedBack({ score, points }, quarters, width, height) {
  const back = [
    ([x, y]) => [x, y],
    ([x, y]) => [width - y, x],
    ([x, y]) => [width - x, height - y],
    ([x, y]) => [y, height - x],
  ][quarters];
  const [[x0, y0], [x1, y1], ...others] = pairsOf(points).map(back);
  const box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
  return { score, points: [...box, ...others.flat()] };
}

/**
 * A row of a square's picture in the photo; the box keeps its size, and is upright there.
 *
 * @param {Row} row
 * @param {Square} square
 * @param {number} size Width of the picture in pixels.
 * @returns {Row}
 */
function fromSquare({ score, points }, { centre: [x, y], side: [u, v] }, size) {
  const [[s0, t0], [s1, t1], ...others] = pairsOf(points.map((point) => (point * 2) / size - 1));
  const half = (Math.hypot(u, v) * (s1 - s0)) / 2;
  const place = ([s, t]) => [x + s * u - t * v, y + s * v + t * u];
  const [cx, cy] = place([(s0 + s1) / 2, (t0 + t1) / 2]);
  return { score, points: [cx - half, cy - half, cx + half, cy + half, ...others.map(place).flat()] };
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

/** Whether two boxes show the same face. */
function overlaps(a, b, least) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const shared = Math.max(0, width) * Math.max(0, height);
  return shared > least * ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared);
}

/** Make one of all those {score, points} that overlap the best one, their mean by score; the same with what is left. */
function blend(found, leastOverlap) {
  let left = [...found].sort((a, b) => b.score - a.score);
  const blended = [];
  while (left.length) {
    const [best] = left;
    const isSame = (other) => other === best || overlaps(other.points, best.points, leastOverlap);
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

  const mirroredNames = facts.mirrored.map((name) => facts.keypoints.indexOf(name));

  /** The network's outputs, Float32Array (anchors * OUTPUTS), for its square at (left, top) of a picture. */
  async function run({ data, width }, left = 0, top = 0) {
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

  /** The row of the best face in a picture of the network's size; undefined without one. */
  const best = async (square) => blend(decode(await run(square), facts.seen), facts.overlap)[0];

  /** A row of the network's square in its mirror image. */
  function mirrored({ score, points }) {
    const [[right, top], [left, bottom], ...others] = pairsOf(points).map(([x, y]) => [side - x, y]);
    return { score, points: [left, top, right, bottom, ...mirroredNames.flatMap((index) => others[index])] };
  }

  const faceOf = ({ score, points }) => ({
    box: points.slice(0, 4),
    score,
    keypoints: Object.fromEntries(facts.keypoints.map((name, i) => [name, pairsOf(points)[2 + i]])),
  });

  /** Look at a found face alone, the right way up; null where none is seen then. */
  async function lookCloser(pixels, { points }) {
    const [left, top, right, bottom] = points;
    const angle = Math.atan2(points[7] - points[5], points[6] - points[4]);
    const reach = facts.look * (right - left);
    const around = {
      centre: [(left + right) / 2, (top + bottom) / 2],
      side: [reach * Math.cos(angle), reach * Math.sin(angle)],
    };
    const wide = cutSquare(pixels, around, side);
    let found = null;
    for (let quarters = 0; quarters < 4; quarters++) {
      const row = await best(turn(wide, quarters));
      if (row && !(found?.score >= row.score)) found = turnedBack(row, quarters, side, side);
    }
    if (!found) return null;
    const square = squareOf(faceOf(fromSquare(found, around, side)).keypoints, facts.square);
    const view = cutSquare(pixels, square, side);
    const [plain, other] = [await best(view), await best(mirrorImage(view))];
    if (!plain || !other) return null;
    const { score, points: others } = mirrored(other);
    const mean = { score: (plain.score + score) / 2, points: plain.points.map((point, i) => (point + others[i]) / 2) };
    return mean.score >= facts.sure ? faceOf(fromSquare(mean, square, side)) : null;
  }

  /** The faces and those of new rows, each looked at alone; as `findFaces` returns them. */
  async function join(pixels, faces, rows) {
    const joined = [...faces];
    const isNew = (box) => !joined.some((face) => overlaps(face.box, box, facts.overlap));
    for (const row of rows) {
      // What a search in another size found before is not looked at once more.
      const face = isNew(row.points) && (await lookCloser(pixels, row));
      if (face && isNew(face.box)) joined.push(face);
    }
    joined.sort((a, b) => widthOf(b) - widthOf(a));
    return joined.filter((face) => widthOf(face) >= facts.beside * widthOf(joined[0])).slice(0, facts.most);
  }

  /** @param {object} shrunk Data of the photo in each search's size, kept here from one call to the next. */
  async function search(pixels, shrunk, turns, { parts, least_score: leastScore }) {
    const scale = (parts * side) / Math.max(pixels.width, pixels.height);
    const [w, h] = [pixels.width, pixels.height].map((length) => Math.max(1, Math.floor(length * scale + 0.5)));
    const canvas = { width: Math.max(w, side), height: Math.max(h, side) };
    const [x, y] = [(canvas.width - w) >> 1, (canvas.height - h) >> 1];
    canvas.data = new Uint8ClampedArray(4 * canvas.width * canvas.height);
    const data = (shrunk[parts] ??= resampled(pixels, w, h).data);
    for (let row = 0; row < h; row++) {
      canvas.data.set(data.subarray(4 * row * w, 4 * (row + 1) * w), 4 * ((y + row) * canvas.width + x));
    }
    const found = [];
    for (const quarters of turns) {
      const view = turn(canvas, quarters);
      for (const top of starts(view.height, side)) {
        for (const left of starts(view.width, side)) {
          for (const { score, points } of decode(await run(view, left, top), leastScore)) {
            const inView = { score, points: points.map((point, i) => point + (i % 2 ? top : left)) };
            const row = turnedBack(inView, quarters, canvas.width, canvas.height);
            const toPhoto = (p, i) => (i % 2 ? ((p - y) * pixels.height) / h : ((p - x) * pixels.width) / w);
            found.push({ score, points: row.points.map(toPhoto) });
          }
        }
      }
    }
    return blend(found, facts.overlap);
  }

  /**
   * The faces of a photo at any roll, the largest first; not those much smaller, and not more than `facts.most`.
   *
   * @param {ImageData} pixels Any size; alpha is ignored.
   * @returns {Promise<Face[]>}
   */
  async function findFaces(pixels) {
    const longer = Math.max(pixels.width, pixels.height);
    const searches = facts.searches.filter(({ parts }) => parts === 1 || parts * side <= longer);
    const shrunk = {};
    for (const turns of [[0], [1, 2, 3]]) {
      let faces = [];
      for (const options of searches) {
        faces = await join(pixels, faces, await search(pixels, shrunk, turns, options));
        if (faces.length && widthOf(faces[0]) * facts.beside >= (facts.sees * longer) / options.parts) break;
      }
      if (faces.length) return faces;
    }
    return [];
  }

  /**
   * Cut a face out upright, a little tighter than FFHQ's photos were cut; what it needs beyond the photo's edges is
   * mirrored there.
   *
   * @param {ImageData} pixels
   * @param {Face} face One that `findFaces` found there.
   * @returns {ImageData} Of the size that the models were trained on.
   */
  function cut(pixels, face) {
    const { centre, side: [u, v] } = squareOf(face.keypoints, facts.square);
    return cutSquare(pixels, { centre, side: [facts.inside * u, facts.inside * v] }, facts.crop);
  }

  /**
   * Whether a picture is an aligned face already: square, with eyes and mouth where FFHQ has them.
   *
   * @param {ImageData} pixels Without uniform borders.
   * @param {Face} face One that `findFaces` found there.
   */
  function isAligned({ width, height }, face) {
    const { centre: [x, y], side: [u, v] } = squareOf(face.keypoints, facts.square);
    const { centre, size, turn: most } = facts.aligned;
    const ratio = (2 * Math.hypot(u, v)) / width;
    return (
      Math.abs(width - height) <= 1 &&
      Math.max(Math.abs(x / width - 0.5), Math.abs(y / height - 0.5)) <= centre &&
      ratio >= 1 / size &&
      ratio <= size &&
      Math.abs(degrees(v, u)) <= most
    );
  }

  return { facts, trim: (pixels) => trim(pixels, facts.trim), findFaces, cut, isAligned };
}
