// tokenizer.json and tokenizer_config.json of a Llama 3 tokenizer, whole or cut to a small vocabulary.

/** Ordinary tokens of Llama 3; 256 special tokens follow. */
const LLAMA3_PIECES = 128_000;

/** Small vocabularies have as many special tokens as chat needs and a few to spare. */
const FEW_SPECIALS = 16;
const ALL_SPECIALS = 256;
const SMALL_VOCABULARY = 2048;

/** Of BitNet b1.58 2B4T: role, colon, text, end of turn; the beginning of text once. */
export const CHAT_TEMPLATE =
  "{% for message in messages %}{% if loop.index0 == 0 %}{{ bos_token }}{% endif %}" +
  "{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}";

const SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" +
  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** @typedef {object} TokenizerFiles
 *  @property {object} tokenizer content of tokenizer.json
 *  @property {object} settings content of tokenizer_config.json
 *  @property {number} bos @property {number} eos @property {number} eot */

/** The first tokens of Llama 3's vocabulary are the 256 bytes, then one token per merge in rank
 *  order: every prefix of it is a tokenizer of its own.
 *  @param {number} vocabSize from 272 to 128256 @returns {Promise<TokenizerFiles>} */
export async function llama3Tokenizer(vocabSize) {
  // The package builds one tokenizer when it is imported: the export without a name.
  const { default: source } = await import("llama3-tokenizer-js");
  const specialCount = vocabSize < SMALL_VOCABULARY ? FEW_SPECIALS : ALL_SPECIALS;
  const pieceCount = Math.min(LLAMA3_PIECES, vocabSize - specialCount);
  const pieces = source.vocabById.slice(0, pieceCount);
  const known = new Set(pieces);
  // A merge may have a part that ranks after the whole.
  const isKnown = (merge) =>
    known.has(merge.replace(" ", "")) && merge.split(" ").every((part) => known.has(part));
  const merges = [...source.merges.keys()].filter(isKnown);
  const added = specialTexts(specialCount).map((content, i) => special(content, pieceCount + i));
  const idOf = (text) => added.find(({ content }) => content === text)?.id;
  const bos = idOf("<|begin_of_text|>");
  return {
    bos,
    eos: idOf("<|end_of_text|>"),
    eot: idOf("<|eot_id|>"),
    tokenizer: tokenizerJson(pieces, merges, added, bos),
    settings: settingsJson(added),
  };
}

/** Names of Llama 3 (not 3.1, which renamed three of the reserved ones). @param {number} count */
function specialTexts(count) {
  const named = ["<|begin_of_text|>", "<|end_of_text|>"];
  const places = { 6: "<|start_header_id|>", 7: "<|end_header_id|>", 9: "<|eot_id|>" };
  for (let reserved = 0; named.length < count; ) {
    named.push(places[named.length] ?? `<|reserved_special_token_${reserved++}|>`);
  }
  return named;
}

/** @param {string} content @param {number} id */
function special(content, id) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { id, content, ...flags, special: true };
}

function tokenizerJson(pieces, merges, added, bos) {
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: true,
    trim_offsets: true,
    use_regex: true,
  };
  const start = (type_id) => ({ SpecialToken: { id: "<|begin_of_text|>", type_id } });
  const text = (id, type_id) => ({ Sequence: { id, type_id } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: SPLIT }, behavior: "Isolated", invert: false },
        { ...byteLevel, add_prefix_space: false, use_regex: false },
      ],
    },
    post_processor: {
      type: "Sequence",
      processors: [
        { ...byteLevel, trim_offsets: false },
        {
          type: "TemplateProcessing",
          single: [start(0), text("A", 0)],
          pair: [start(0), text("A", 0), start(1), text("B", 1)],
          special_tokens: {
            "<|begin_of_text|>": {
              id: "<|begin_of_text|>",
              ids: [bos],
              tokens: ["<|begin_of_text|>"],
            },
          },
        },
      ],
    },
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: true,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges,
    },
  };
}

function settingsJson(added) {
  return {
    added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [id, token])),
    bos_token: "<|begin_of_text|>",
    chat_template: CHAT_TEMPLATE,
    clean_up_tokenization_spaces: true,
    eos_token: "<|end_of_text|>",
    model_input_names: ["input_ids", "attention_mask"],
    model_max_length: 1e30,
    pad_token: "<|end_of_text|>",
    tokenizer_class: "PreTrainedTokenizerFast",
  };
}
