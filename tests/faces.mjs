/**
 * What web/chain.js sees in pictures, run by Node, with the made-up network of test_twins.py in place of BlazeFace.
 *
 *     node tests/faces.mjs < {"network": as in faces.json, "reach": as REACH of test_twins.py,
 *       "pictures": [{"width": ..., "height": ..., "asIs": ..., "rgba": base64}, ...]} > views of each
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { webcrypto } from 'node:crypto';

globalThis.self = globalThis;
globalThis.crypto ??= webcrypto;
globalThis.fetch = async (url) => new Response(await readFile(new URL(url)));
globalThis.ImageData = class {
  constructor(width, height) {
    Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
  }
};

const { network: facts, reach: REACH, pictures } = JSON.parse(await text(process.stdin));
const { size: SIDE, grids: GRIDS } = facts;
const ANCHORS = GRIDS.reduce((count, { side, anchors }) => count + side * side * anchors, 0);

/** Sums over the pixels above and to the left of each, of red, green and blue marks, and of these times x and y. */
function sums(pixels) {
  const made = Array.from({ length: 9 }, () => new Float64Array((SIDE + 1) ** 2));
  const values = Uint8Array.from(pixels, (value) => Math.round((value + 1) * 127.5));
  for (let colour = 0; colour < 3; colour++) {
    const [marks, across, down] = made.slice(3 * colour, 3 * colour + 3);
    for (let y = 0; y < SIDE; y++) {
      let [mark, markAcross, markDown] = [0, 0, 0];
      for (let x = 0; x < SIDE; x++) {
        const from = 3 * (y * SIDE + x);
        const others = Math.max(values[from + ((colour + 1) % 3)], values[from + ((colour + 2) % 3)]);
        const here = Math.max(0, values[from + colour] - others - 40);
        mark += here;
        markAcross += here * x;
        markDown += here * y;
        const [at, above] = [(y + 1) * (SIDE + 1) + x + 1, y * (SIDE + 1) + x + 1];
        marks[at] = marks[above] + mark;
        across[at] = across[above] + markAcross;
        down[at] = down[above] + markDown;
      }
    }
  }
  return made;
}

/** As `_network` of test_twins.py. */
function network(pixels) {
  const made = sums(pixels);
  if (Math.min(...[0, 3, 6].map((i) => made[i].at(-1))) < 500) return new Float32Array(17 * ANCHORS).fill(-9); // None.
  const outputs = [];
  for (const { side, anchors } of GRIDS) {
    for (let index = 0; index < side * side * anchors; index++) {
      const element = Math.floor(index / anchors);
      const cell = SIDE / side;
      const [x, y] = [((element % side) + 0.5) * cell, (Math.floor(element / side) + 0.5) * cell];
      const [left, right] = [x - REACH, x + REACH].map((place) => Math.min(Math.max(place, 0), SIDE));
      const [top, bottom] = [y - REACH, y + REACH].map((place) => Math.min(Math.max(place, 0), SIDE));
      const within = (sum) =>
        sum[bottom * (SIDE + 1) + right] -
        sum[top * (SIDE + 1) + right] -
        sum[bottom * (SIDE + 1) + left] +
        sum[top * (SIDE + 1) + left];
      const totals = made.map(within);
      if (Math.min(totals[0], totals[3], totals[6]) < 500) {
        outputs.push(...Array(16).fill(0), -9);
        continue;
      }
      const marks = [0, 3, 6].map((i) => [totals[i + 1] / totals[i] + 0.5, totals[i + 2] / totals[i] + 0.5]);
      const [one, other, mouth] = marks;
      const [right_eye, left_eye] = one[0] <= other[0] ? [one, other] : [other, one];
      const eyes = [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
      const apart = Math.abs(one[0] - other[0]) + Math.abs(one[1] - other[1]);
      const upright = (mouth[1] - eyes[1]) / (apart + 1);
      const off = Math.abs(eyes[0] - x) + Math.abs(eyes[1] - y);
      const width = 2 * apart + 3;
      const points = [
        [eyes[0] + 0.75, mouth[1] - 0.3 * apart],
        [width, width + 1.5],
        right_eye,
        left_eye,
        [eyes[0] + 1, (eyes[1] + mouth[1]) / 2],
        mouth,
        [right_eye[0] - 3, right_eye[1] + 2],
        [left_eye[0] + 4, left_eye[1] + 1],
      ];
      outputs.push(...points.flatMap(([u, v], i) => (i === 1 ? [u, v] : [u - x + 0.25, v - y])));
      outputs.push(4 * Math.min(Math.max(upright, -1), 1) + 2 - off / 16);
    }
  }
  return Float32Array.from(outputs);
}

const tf = {
  io: { fromMemory: () => {}, getModelArtifactsForJSONSync: () => {} },
  loadGraphModel: async () => ({ predict: (input) => ({ data: async () => network(input), dispose() {} }) }),
  tensor4d: (values) => values,
  tidy: (compute) => compute(),
};

const { loadChain } = await import('../web/chain.js');
const { faceViews } = await loadChain(tf);
const answers = [];
for (const { width, height, asIs, rgba } of pictures) {
  const pixels = { width, height, data: new Uint8ClampedArray(Buffer.from(rgba, 'base64')) };
  const views = await faceViews(pixels, asIs);
  answers.push(
    views.map((view) => ({
      ...view,
      pixels: Buffer.from(view.pixels.data).toString('base64'),
      size: [view.pixels.height, view.pixels.width],
    })),
  );
}
process.stdout.write(JSON.stringify(answers));
