// What the page's scripts have beside the browser's own: from its classic scripts, and from what it vendors.
declare var FILES: Record<string, { bytes: number; sha256: string; later?: boolean }>;
declare var VERSION: string;
declare var sha256: (bytes: ArrayBuffer) => Promise<string>;
declare var refuseNewer: (name: string, response: Response) => void;
declare var fetchChecked: (
  name: string,
  sha256: string,
  sources: (() => Promise<Response | undefined>)[],
  onBytes?: (count: number) => void,
) => Promise<ArrayBuffer>;
declare var fflate: any;
declare var tf: any;
declare var _icodec_ImageData: (bytes: Uint8ClampedArray, width: number, height: number, depth: number) => ImageData;
interface WorkerNavigator {
  gpu?: { requestAdapter(): Promise<{ info?: { isFallbackAdapter: boolean } } | null> };
}
interface Navigator extends WorkerNavigator {}
