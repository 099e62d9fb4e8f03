// Made of train/chain/info.py, which says what each key holds, by `python -m export vendor`.
export interface Named {
  name: string;
}
export interface Band {
  low: number;
  high: number;
}
export interface Rule {
  name: string;
  threshold: number;
  unsure: Band;
  words: Record<string, string>;
}
export interface Unsure {
  low: number;
  high: number;
  coverage: number;
  accuracy: number | null;
  measured_on: string;
}
export interface Layer {
  kind: string;
  shape: string;
  parameters: number;
}
export interface Input {
  channels: "RGB";
  range: number[];
  size: number;
  resize: string;
  scale: number;
  formats: string[];
  max_pixels: number;
  max_bytes: number;
}
export interface Images {
  name: string;
  counts: Record<string, number>;
  sha256: string;
}
export interface OfClass {
  precision: number;
  recall: number;
  f1: number;
  support: number;
}
export interface AtThreshold {
  threshold: number;
  accuracy: number;
  accuracy_interval_95: number[];
  confusion_matrix: number[][];
  classes: Record<string, OfClass>;
}
export interface OperatingPoint {
  false_accusation: number;
  threshold: number;
  fakes_found: number;
  fakes_found_interval_95: number[];
  accused: number;
  accused_interval_95: number[];
}
export interface Bin {
  confidence: number;
  accuracy: number;
  count: number;
}
export interface Calibration {
  ece: number;
  brier: number;
  bins: Bin[];
}
export interface BothCalibrations {
  before: Calibration;
  after: Calibration;
}
export interface Curve {
  false_accusation: number[];
  fakes_found: number[];
}
export interface Figures {
  images: Record<string, number>;
  roc_auc: number;
  average_precision: number;
  equal_error_rate: number;
  at_default: AtThreshold;
  at_threshold: AtThreshold;
  operating_points: OperatingPoint[];
  calibration: BothCalibrations;
  roc: Curve;
}
export interface Split {
  images: Record<string, number>;
  roc_auc: number;
  average_precision: number;
  equal_error_rate: number;
  at_default: AtThreshold;
  at_threshold: AtThreshold;
  operating_points: OperatingPoint[];
  calibration: BothCalibrations;
  roc: Curve;
  dataset: Images;
  chain: Record<string, number>;
}
export interface Source {
  dataset: Images;
  chain: Record<string, number>;
  images: Record<string, number>;
  accuracy: Record<string, number>;
  accuracy_interval_95: Record<string, number[]>;
  not_wrong: Record<string, number>;
  all?: Figures;
}
export interface Condition {
  accuracy: Record<string, number>;
  accuracy_interval_95: Record<string, number[]>;
  no_face: number;
}
export interface Shares {
  sizes: number[];
  files: string[];
  grid: Record<string, number[][]>;
  intervals: Record<string, number[][][]>;
  conditions: Record<string, Condition>;
}
export interface Robustness {
  sizes: number[];
  files: string[];
  grid: Record<string, number[][]>;
  intervals: Record<string, number[][][]>;
  conditions: Record<string, Condition>;
  dataset: Images;
}
export interface Learnt {
  names: string[];
  counts: Record<string, number>;
  sha256: string;
  sources?: Record<string, string>;
}
export interface Relative {
  model?: string;
  weights?: string;
  hub?: string;
  file?: string;
  sha256?: string;
}
export interface Provenance {
  model: string;
  input_size: number;
  options: Record<string, any>;
  dataset: Learnt;
  versions: Record<string, string>;
  backbone?: string | null;
  start?: "imagenet" | Relative | null;
  teacher?: Relative | null;
  members?: Provenance[];
  temperature?: number;
  offset?: number;
  weights?: string;
}
export interface Form {
  precision: string;
  bytes: number;
  accuracy: number;
  largest_difference: number;
  mean_difference: number;
  accepted: boolean;
}
export interface Info {
  name: string;
  threshold: number;
  unsure: Unsure;
  words: Record<string, string>;
  classes: string[];
  scope: string;
  evidence: boolean;
  parameters: number;
  layers: Layer[];
  input: Input;
  temperature: number;
  offset: number;
  precision: string;
  metrics: Record<string, Split>;
  extra?: Record<string, Source>;
  robustness?: Robustness;
  provenance: Provenance;
  files: Record<string, string>;
  precisions?: Form[];
  hub?: string;
}
