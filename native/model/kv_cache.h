#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/pages.h"
#include "kernels/kernel_table.h"
#include "model/hparams.h"

namespace bitnet {

/// Changes with the order of the numbers in a chunk, so that a saved one is never taken for
/// another.
constexpr uint32_t kKvLayoutVersion = 1;

/// Memory for keys and values, handed out in chunks of 64 positions of all layers. A sequence owns
/// a list of chunks, so memory grows with what was said and nothing is ever moved.
/// A chunk is [n_layers][n_kv_heads][keys, values]; see KvKernels for the order inside.
class KvCache {
 public:
  KvCache(const Hparams& hparams, const KvKernels& kernels);

  /// A chunk; its content is finite but otherwise arbitrary. Throws Error kResource.
  uint8_t* acquire();
  void release(uint8_t* chunk);

  size_t chunk_bytes() const noexcept { return chunk_bytes_; }
  size_t reserved_bytes() const noexcept;
  /// Bytes of one layer in a chunk.
  size_t layer_bytes() const noexcept { return n_kv_heads_ * 2 * head_bytes_; }
  size_t k_offset(uint32_t layer, uint32_t kv_head) const noexcept {
    return (size_t{layer} * n_kv_heads_ + kv_head) * 2 * head_bytes_;
  }
  size_t v_offset(uint32_t layer, uint32_t kv_head) const noexcept {
    return k_offset(layer, kv_head) + head_bytes_;
  }

 private:
  uint32_t n_kv_heads_;
  size_t head_bytes_;
  size_t chunk_bytes_;
  std::vector<PageBlock> slabs_;
  std::vector<uint8_t*> free_;
};

/// The positions of one sequence. Rows of the cache beyond `length` do not count.
class KvSequence {
 public:
  explicit KvSequence(KvCache& cache) : cache_(&cache) {}
  ~KvSequence() { truncate(0); }
  KvSequence(const KvSequence&) = delete;
  KvSequence& operator=(const KvSequence&) = delete;

  uint32_t length() const noexcept { return length_; }
  /// Makes room for `n` more positions. Throws Error kResource and changes nothing then.
  void reserve(uint32_t n);
  /// Counts `n` positions as written.
  void advance(uint32_t n) noexcept { length_ += n; }
  /// Forgets every position from `length` on and gives back chunks that are no longer needed.
  void truncate(uint32_t length) noexcept;

  const uint8_t* const* chunks() const noexcept { return chunks_.data(); }
  uint8_t* chunk_of(uint32_t pos) const noexcept {
    return const_cast<uint8_t*>(chunks_[pos / kKvChunk]);
  }

 private:
  KvCache* cache_;
  uint32_t length_ = 0;
  std::vector<const uint8_t*> chunks_;
};

}  // namespace bitnet
