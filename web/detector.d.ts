/**
 * The models that there are, the default first.
 *
 * @param {string} [base] Address of the folder that holds this file, as in `loadDetector`.
 * @returns {Promise<{folder: string, name: string|null, bytes: number|null, accuracy: number|null}[]>} folder: an
 *   address that ends in "/"; accuracy: on its test images, 0..1. What is not known is null.
 */
export function listModels(base?: string): Promise<{
    folder: string;
    name: string | null;
    bytes: number | null;
    accuracy: number | null;
}[]>;
/**
 * Load a model in a worker.
 *
 * @param {object} [options]
 * @param {string} [options.base] Address, from the page's on, of the folder that holds this file; for sites whose
 *   bundler moves this module away from the others.
 * @param {string} [options.folder] Address, from the page's on, of the model's folder; by default the first of
 *   models.json.
 * @param {(progress: {loaded: number, total: number}) => void} [options.onProgress] Bytes of weights.
 * @param {(backend: Backend) => void} [options.onBackend] Called when a graphics card has failed and WebAssembly has
 *   taken over.
 * @returns {Promise<Detector>} Rejects with a sentence for a person.
 */
export function loadDetector({ base, folder, onProgress, onBackend }?: {
    base?: string;
    folder?: string;
    onProgress?: (progress: {
        loaded: number;
        total: number;
    }) => void;
    onBackend?: (backend: Backend) => void;
}): Promise<Detector>;
/**
 * The detector as a module for any site: see README.md for an example.
 */
export type Label = "fake" | "real" | "unsure" | "no_face";
/**
 * What a table holds of a face; of a picture without one, `face`, `box`, `roll` and `p_real` are
 *  null.
 */
export type Row = {
    /**
     * The file's name; empty without one.
     */
    file: string;
    /**
     * 1, 2, ..., the largest first.
     */
    face: number | null;
    /**
     * How many there are in the picture.
     */
    faces: number;
    /**
     * Left, top, right, bottom in pixels of the upright picture; null with `asIs`.
     */
    box: number[] | null;
    /**
     * Degrees, clockwise as seen, 0 upright.
     */
    roll: number | null;
    verdict: Label;
    /**
     * P(real), 0..1.
     */
    p_real: number | null;
    unsure: boolean;
    /**
     * Whether the picture is a cut face already, and was judged without resampling.
     */
    as_is: boolean;
    /**
     * A sentence for the person who chose the picture.
     */
    advice: string | null;
    model: string;
    error: string | null;
};
/**
 * The detector as a module for any site: see README.md for an example.
 */
export type Pixels = {
    /**
     * The face as the network saw it.
     */
    pixels: ImageData;
    /**
     * Rows of a map over `pixels`, 0..1, high
     * where they speak for "fake"; null if the model draws none.
     */
    evidence: {
        data: Float32Array;
        width: number;
        height: number;
    } | null;
};
/**
 * The detector as a module for any site: see README.md for an example.
 */
export type Verdict = {
    /**
     * That of the worst face: fake before unsure before real; no_face without one.
     */
    verdict: Label;
    /**
     * The same in words, such as "2 of 3 faces: probably StyleGAN fakes".
     */
    words: string;
    /**
     * Empty without a face.
     */
    faces: (Row & Pixels)[];
    /**
     * For a table: one a face, or one that says that there is none.
     */
    rows: Row[];
    /**
     * Pixels, upright.
     */
    width: number;
    height: number;
    /**
     * From the file to the verdict.
     */
    milliseconds: number;
    /**
     * A small JPEG, upright; only if it was asked for.
     */
    thumbnail?: Blob;
};
/**
 * The detector as a module for any site: see README.md for an example.
 */
export type Options = {
    /**
     * The picture is one face, cut as the training set cuts them: judge it as it is.
     */
    asIs?: boolean;
    /**
     * Rejects with its reason and skips what is left of the work.
     */
    signal?: AbortSignal;
    /**
     * Longer side in pixels of a thumbnail to make.
     */
    thumbnail?: number;
};
/**
 * The detector as a module for any site: see README.md for an example.
 */
export type Backend = {
    /**
     * What computes the network.
     */
    name: "wasm" | "webgl" | "webgpu";
    /**
     * For one picture.
     */
    milliseconds: number;
    /**
     * Why it is not the one that was asked for; may be empty.
     */
    note: string;
};
/**
 * The detector as a module for any site: see README.md for an example.
 */
export type Detector = {
    /**
     * The content of detector.json.
     */
    info: import("./info.js").Info;
    /**
     * Rejects with a sentence
     * for a person.
     */
    classify: (image: Blob | CanvasImageSource, options?: Options) => Promise<Verdict>;
    /**
     * One answer an
     * image, in their order; one that can't be judged has an error and does not keep the others from being judged.
     */
    classifyMany: (images: Iterable<Blob | CanvasImageSource>, options?: Options) => AsyncGenerator<{
        image: Blob | CanvasImageSource;
        verdict?: Verdict;
        error?: Error;
    }>;
    /**
     * Tests and changes what computes, at
     * first WebAssembly; "auto" takes a graphics card where that is right and faster.
     */
    use: (name: "auto" | "wasm" | "webgl" | "webgpu") => Promise<Backend>;
    /**
     * Ends the worker and frees its memory.
     */
    close: () => void;
};
