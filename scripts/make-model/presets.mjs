// Shapes of models. `2b4t` is BitNet b1.58 2B4T; the sizes by parameter count are those of
// bitnet.cpp's dummy-model generator (multi-head attention, vocabulary of 32002).

/** @typedef {object} Shape
 *  @property {number} dModel
 *  @property {number} dFf
 *  @property {number} nLayers
 *  @property {number} nHeads
 *  @property {number} nKvHeads
 *  @property {number} vocabSize
 *  @property {number} contextLength
 *  @property {number} [headDim] default: dModel / nHeads
 *  @property {number} [yarnFactor] RoPE stretched by this, over contextLength / yarnFactor */

/** @param {number} dModel @param {number} dFf @param {number} nLayers @param {number} nHeads
 *  @returns {Shape} */
const multiHead = (dModel, dFf, nLayers, nHeads) => ({
  dModel,
  dFf,
  nLayers,
  nHeads,
  nKvHeads: nHeads,
  vocabSize: 32_002,
  contextLength: 2048,
});

/** @type {Readonly<Record<string, Shape>>} */
export const PRESETS = {
  tiny: {
    dModel: 128,
    dFf: 256,
    nLayers: 2,
    nHeads: 4,
    nKvHeads: 2,
    vocabSize: 512,
    contextLength: 512,
  },
  "2b4t": {
    dModel: 2560,
    dFf: 6912,
    nLayers: 30,
    nHeads: 20,
    nKvHeads: 5,
    vocabSize: 128_256,
    contextLength: 4096,
  },
  "125m": multiHead(768, 3072, 11, 12),
  "350m": multiHead(1024, 3072, 24, 16),
  "1b": multiHead(2048, 3584, 24, 32),
  "1.5b": multiHead(1536, 9216, 28, 32),
  "2.7b": multiHead(3072, 7680, 24, 32),
  "3.8b": multiHead(3840, 8192, 24, 32),
  "7b": multiHead(4096, 12_032, 32, 32),
  "13b": multiHead(5120, 13_824, 40, 40),
  "30b": multiHead(6656, 16_384, 60, 52),
  "70b": multiHead(8192, 24_576, 80, 64),
  "100b": multiHead(8192, 45_568, 72, 64),
};

/** Throws when a model of this shape cannot exist or cannot be written.
 *  @param {Shape} shape */
export function checkShape(shape) {
  for (const [name, value] of Object.entries(shape)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name} is ${value}`);
  }
  const { dModel, dFf, nHeads, nKvHeads, vocabSize, headDim = dModel / nHeads } = shape;
  if (headDim % 2 !== 0) {
    throw new Error(`dModel ${dModel} is not an even multiple of nHeads ${nHeads}`);
  }
  if (nHeads % nKvHeads !== 0) {
    throw new Error(`nHeads ${nHeads} is not a multiple of nKvHeads ${nKvHeads}`);
  }
  for (const rows of [dModel, dFf, headDim * nHeads, headDim * nKvHeads]) {
    if (rows % 4 !== 0) throw new Error(`packed rows come in fours, ${rows} does not`);
  }
  if (vocabSize < 272) throw new Error(`vocabSize ${vocabSize}: 256 bytes and 16 special tokens`);
}
