// What the kernel sends: see CorrespondenceAnalysis.encode and the traits beside it.

export interface PartResult {
  name: string;
  /** By layer, as all that follows; null where hiding the part changes nothing, so that no pair is left. */
  mean: (number | null)[];
  /** null where there is a single pair. */
  sd: (number | null)[];
  changed: number[];
  baseline: (number | null)[];
  baselineSd: (number | null)[];
  pairs: number[];
  /** In how many pictures hiding the part changes nothing; they are in no pair. */
  unchanged: number[];
}

export interface Result {
  layers: string[];
  parts: PartResult[];
  random: { mean: (number | null)[]; sd: (number | null)[]; changed: number[] };
  draws: number;
  places: string;
  notes: string[];
}

export interface Meta {
  /** What is still to be marked. */
  words: string;
  result: Result | null;
}

export interface Item {
  row: number;
  name: string;
  label: string;
  size: [height: number, width: number];
  png: DataView;
}

export interface Specimen {
  pictures: number;
  layers: string[];
  usual: string[];
}

/** The sentence behind every Δ on the page. */
export const DELTA =
  "Δ: hide the part in two pictures and look at every unit of a layer: does its activation fall, rise or stay? " +
  "Δ is the share of units for which the two pictures answer differently, averaged over all pairs of pictures. " +
  "Lower than for random boxes: hiding the part changes the layer in the same way everywhere. " +
  "Zeiler and Fergus 2014, section 4.3, there as a sum; here divided by pairs and units.";

export const LIMITS =
  "A small Δ need not mean that the network knows the part. Units of feature maps have a place: boxes at one place " +
  "in all pictures change the same units whatever they hide, so aligned pictures give small values by themselves " +
  "(compare with random boxes at the “same place”). A picture in which hiding changes nothing is left out. Where hiding a part changes few units, few signs can differ. " +
  "Random boxes also fall on empty background. A sign does not tell how large a change is, and pairs of the same few " +
  "pictures are not independent, so the whiskers (± one standard deviation) are no confidence intervals " +
  "(Zeiler and Fergus 2014, section 4.3, had five pictures).";
