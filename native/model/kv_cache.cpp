#include "model/kv_cache.h"

#include <algorithm>

namespace bitnet {
namespace {

/// Chunks allocated together, so that small chunks share large pages.
constexpr size_t kChunksPerSlab = 8;

}  // namespace

KvCache::KvCache(const Hparams& hparams, const KvKernels& kernels)
    : n_kv_heads_(hparams.n_kv_heads),
      head_bytes_(kv_chunk_bytes(hparams.head_dim, kernels)),
      chunk_bytes_(PageArena::round_up(size_t{hparams.n_layers} * n_kv_heads_ * 2 * head_bytes_)) {}

uint8_t* KvCache::acquire() {
  if (free_.empty()) {
    free_.reserve(free_.size() + kChunksPerSlab);
    slabs_.emplace_back(kChunksPerSlab * chunk_bytes_);
    for (size_t i = kChunksPerSlab; i-- > 0;) {
      free_.push_back(slabs_.back().data() + i * chunk_bytes_);
    }
  }
  uint8_t* chunk = free_.back();
  free_.pop_back();
  return chunk;
}

void KvCache::release(uint8_t* chunk) { free_.push_back(chunk); }

size_t KvCache::reserved_bytes() const noexcept {
  size_t bytes = 0;
  for (const auto& slab : slabs_) bytes += slab.bytes();
  return bytes;
}

void KvSequence::reserve(uint32_t n) {
  const size_t needed = (size_t{length_} + n + kKvChunk - 1) / kKvChunk;
  const size_t before = chunks_.size();
  try {
    while (chunks_.size() < needed) {
      chunks_.reserve(needed);
      chunks_.push_back(cache_->acquire());
    }
  } catch (...) {
    while (chunks_.size() > before) {
      cache_->release(const_cast<uint8_t*>(chunks_.back()));
      chunks_.pop_back();
    }
    throw;
  }
}

void KvSequence::truncate(uint32_t length) noexcept {
  length_ = std::min(length_, length);
  const size_t needed = (size_t{length_} + kKvChunk - 1) / kKvChunk;
  while (chunks_.size() > needed) {
    cache_->release(const_cast<uint8_t*>(chunks_.back()));
    chunks_.pop_back();
  }
}

}  // namespace bitnet
