// Threads, pages, files and errors.

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/pages.h"
#include "base/thread_pool.h"
#include "selftest/support.h"
#include "selftest/temp_file.h"

namespace bitnet::selftest {
namespace {

// ---- thread pool -----------------------------------------------------------------------------

/// Runs `n_regions` tiny regions; every part of every one of them must be done, exactly once.
void check_regions(unsigned n_threads, uint32_t n_regions) {
  ThreadPool pool(n_threads);
  CHECK_EQ(pool.size(), n_threads);
  std::vector<uint32_t> calls(n_threads);  // not atomic: the pool must order the regions
  size_t n_missed = 0;
  for (uint32_t region = 1; region <= n_regions; region++) {
    pool.run([&](unsigned i_thread) { calls[i_thread]++; });
    for (const uint32_t n : calls) n_missed += n != region;
  }
  CHECK_EQ(n_missed, size_t{0});
}

BITNET_TEST(base_thread_pool_tiny_regions) {
  for (const unsigned n_threads : {1u, 2u, 3u, 8u}) {
    // With fewer cores than threads a hand-over goes through the scheduler, hundreds of times
    // slower.
    const bool crowded = n_threads > std::thread::hardware_concurrency();
    check_regions(n_threads, crowded ? 1000 : 10000);
  }
}

/// Every piece is done exactly once, by a thread that does no other at that time.
void check_pieces(unsigned n_threads, unsigned n_each, uint32_t n_regions) {
  ThreadPool pool(n_threads);
  std::vector<uint32_t> calls(size_t{n_threads} * n_each);
  std::vector<uint32_t> by_thread(n_threads);  // not atomic either
  size_t n_missed = 0;
  for (uint32_t region = 1; region <= n_regions; region++) {
    pool.run_pieces(n_each, [&](unsigned i_thread, unsigned i_piece) {
      calls[i_piece]++;
      by_thread[i_thread]++;
    });
    for (const uint32_t n : calls) n_missed += n != region;
  }
  CHECK_EQ(n_missed, size_t{0});
  CHECK_EQ(std::accumulate(by_thread.begin(), by_thread.end(), 0u), n_regions * calls.size());
}

BITNET_TEST(base_thread_pool_pieces) {
  for (const unsigned n_threads : {1u, 2u, 3u, 8u}) {
    const bool crowded = n_threads > std::thread::hardware_concurrency();
    for (unsigned n_each = 1; n_each <= ThreadPool::kMostPieces; n_each++) {
      check_pieces(n_threads, n_each, crowded ? 500 : 5000);
    }
  }
}

BITNET_TEST(base_thread_pool_helps_the_slow) {
  ThreadPool pool(2);
  std::vector<unsigned> by(2 * ThreadPool::kMostPieces, 99);
  std::atomic<unsigned> n_left = static_cast<unsigned>(by.size()) - 1;
  pool.run_pieces(ThreadPool::kMostPieces, [&](unsigned i_thread, unsigned i_piece) {
    by[i_piece] = i_thread;
    // The first piece lasts until all others are done, within reason.
    if (i_piece > 0) {
      n_left--;
      return;
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (n_left > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  });
  CHECK_EQ(n_left.load(), 0u);
  CHECK(by[1] != by[0]);
}

BITNET_TEST(base_thread_pool_threads_take_their_parts) {
  ThreadPool pool(3);
  const auto ids_of = [&] {
    std::vector<std::thread::id> ids(3);
    std::atomic<unsigned> n_begun = 0;
    pool.run([&](unsigned i_thread) {
      ids[i_thread] = std::this_thread::get_id();
      // The caller gives the others time to come, within reason.
      n_begun++;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (n_begun < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    });
    return ids;
  };
  const auto ids = ids_of();
  CHECK(ids[0] == std::this_thread::get_id());
  CHECK(ids[1] != ids[0] && ids[2] != ids[0] && ids[1] != ids[2]);
  CHECK(ids_of() == ids);
}

BITNET_TEST(base_thread_pool_does_not_wait_for_late_threads) {
  ThreadPool pool(2);
  const auto caller = std::this_thread::get_id();
  unsigned n_by_caller = 0;
  for (int i = 0; i < 50 && n_by_caller == 0; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the other thread falls asleep
    pool.run([&](unsigned i_thread) {
      if (i_thread == 1 && std::this_thread::get_id() == caller) n_by_caller++;
    });
  }
  CHECK(n_by_caller > 0);
}

BITNET_TEST(base_thread_pool_short_lives) {
  for (const unsigned n_threads : {0u, 1u, 2u, 3u, 8u}) {
    for (int i = 0; i < 50; i++) ThreadPool idle(n_threads);
    for (int i = 0; i < 50; i++) {
      std::atomic<unsigned> n_calls = 0;
      {
        ThreadPool pool(n_threads);
        pool.run([&](unsigned /*i_thread*/) { n_calls++; });
      }
      CHECK_EQ(n_calls.load(), std::max(n_threads, 1u));
    }
  }
}

BITNET_TEST(base_thread_pool_sleep_and_wake) {
  ThreadPool pool(3);
  for (int i = 0; i < 60; i++) {
    // Around the moment when waiting threads go to sleep, and long after it.
    std::this_thread::sleep_for(std::chrono::microseconds(i % 2 == 0 ? 5000 : i));
    std::atomic<unsigned> mask = 0;
    pool.run([&](unsigned i_thread) { mask |= 1u << i_thread; });
    CHECK_EQ(mask.load(), 7u);
  }
}

BITNET_TEST(base_share_of) {
  for (const size_t unit : {1u, 4u, 16u}) {
    for (size_t n = 0; n < 200; n++) {
      for (unsigned n_threads = 1; n_threads <= 9; n_threads++) {
        size_t next = 0;
        size_t most = 0;
        size_t least = n;
        for (unsigned i = 0; i < n_threads; i++) {
          const Share share = share_of(n, unit, i, n_threads);
          CHECK_EQ(share.begin, next);
          CHECK(share.begin % unit == 0 || share.begin == n);
          CHECK(share.end >= share.begin);
          next = share.end;
          most = std::max(most, share.end - share.begin);
          least = std::min(least, share.end - share.begin);
        }
        CHECK_EQ(next, n);
        CHECK(most - least <= 2 * unit);
      }
    }
  }
}

// ---- pages -----------------------------------------------------------------------------------

bool all_zero(const uint8_t* bytes, size_t n) {
  return std::all_of(bytes, bytes + n, [](uint8_t b) { return b == 0; });
}

BITNET_TEST(base_page_block) {
  for (const size_t bytes : {size_t{1}, size_t{4096}, (size_t{2} << 20) - 1, size_t{2} << 20,
                             (size_t{2} << 20) + 1, size_t{7} << 20}) {
    PageBlock block(bytes);
    CHECK(block.bytes() >= bytes);
    CHECK_EQ(reinterpret_cast<uintptr_t>(block.data()) % (size_t{2} << 20), size_t{0});
    CHECK(all_zero(block.data(), block.bytes()));
    std::fill_n(block.data(), block.bytes(), uint8_t{1});
    CHECK(block.huge_bytes() <= block.bytes());
  }
  const PageBlock none(0);
  CHECK(none.data() == nullptr);
  CHECK_EQ(none.bytes(), size_t{0});

  PageBlock first(100);
  uint8_t* data = first.data();
  PageBlock second(std::move(first));
  CHECK(second.data() == data);
  PageBlock third;
  third = std::move(second);
  CHECK(third.data() == data);
  third.data()[99] = 1;

  CHECK_EQ(error_of([] { PageBlock block(SIZE_MAX); }), "E_RESOURCE");
  CHECK_EQ(error_of([] { PageBlock block(size_t{1} << 60); }), "E_RESOURCE");
}

BITNET_TEST(base_page_arena) {
  PageArena arena(1000);
  const size_t capacity = arena.block().bytes();
  uint8_t* before = nullptr;
  size_t used = 0;
  for (const size_t bytes : {1u, 64u, 65u, 0u, 200u}) {
    uint8_t* piece = arena.take(bytes);
    CHECK_EQ(reinterpret_cast<uintptr_t>(piece) % PageArena::kAlign, size_t{0});
    CHECK(before == nullptr || piece >= before);
    CHECK(all_zero(piece, bytes));
    std::fill_n(piece, bytes, uint8_t{0xff});
    before = piece;
    used += PageArena::round_up(bytes);
    CHECK_EQ(arena.used_bytes(), used);
  }
  CHECK_EQ(error_of([&] { arena.take(capacity - used + 1); }), "E_RESOURCE");
  CHECK_EQ(error_of([&] { arena.take(SIZE_MAX); }), "E_RESOURCE");
  CHECK_EQ(error_of([&] { arena.take(SIZE_MAX - 64); }), "E_RESOURCE");
  CHECK_EQ(error_of([&] { arena.take(capacity - used); }), "none");
  CHECK_EQ(error_of([&] { arena.take(1); }), "E_RESOURCE");
  PageArena empty;
  CHECK_EQ(error_of([&] { empty.take(1); }), "E_RESOURCE");
}

// ---- files -----------------------------------------------------------------------------------

Bytes counting_bytes(size_t n) {
  Bytes bytes(n);
  for (size_t i = 0; i < n; i++) bytes[i] = static_cast<uint8_t>(i * 7 + i / 256);
  return bytes;
}

BITNET_TEST(base_file) {
  const Bytes bytes = counting_bytes(100000);
  const TempFile temp(bytes);
  const File file(temp.path());
  CHECK_EQ(file.size(), uint64_t{100000});
  CHECK_EQ(file.path(), temp.path());
  for (const size_t offset : {size_t{0}, size_t{1}, size_t{4095}, size_t{99990}}) {
    Bytes part(10);
    file.read_at(offset, part.data(), part.size());
    CHECK_BITS(part.data(), bytes.data() + offset, part.size(), "read_at");
  }
  Bytes part(11, 3);
  CHECK_EQ(error_of([&] { file.read_at(99990, part.data(), 11); }), "E_MODEL_FORMAT");
  CHECK_EQ(error_of([&] { file.read_at(100000, part.data(), 1); }), "E_MODEL_FORMAT");
  CHECK_EQ(error_of([&] { file.read_at(uint64_t{1} << 62, part.data(), 1); }), "E_MODEL_FORMAT");
  CHECK_EQ(error_of([&] { file.read_at(100000, part.data(), 0); }), "none");

  CHECK_EQ(error_of([&] { File missing(temp.directory() + "/nothing"); }), "E_NOT_FOUND");
  CHECK_EQ(error_of([&] { File directory(temp.directory()); }), "E_NOT_FOUND");
  CHECK_EQ(error_of([] { File device("/dev/null"); }), "E_NOT_FOUND");
  CHECK_EQ(error_of([] { File empty(""); }), "E_NOT_FOUND");
}

BITNET_TEST(base_file_from_many_threads) {
  const Bytes bytes = counting_bytes(300000);
  const TempFile temp(bytes);
  const File file(temp.path());
  std::vector<Bytes> got(4, Bytes(bytes.size()));
  {
    std::vector<std::jthread> readers;
    for (Bytes& copy : got) {
      readers.emplace_back([&] {
        for (size_t at = 0; at < copy.size(); at += 1000) file.read_at(at, &copy[at], 1000);
      });
    }
  }
  for (const Bytes& copy : got) CHECK(copy == bytes);
}

BITNET_TEST(base_file_is_moved) {
  const Bytes bytes = counting_bytes(100);
  const TempFile temp(bytes);
  File first(temp.path());
  const File second(std::move(first));
  Bytes copy(100);
  second.read_at(0, copy.data(), 100);
  CHECK(copy == bytes);
}

BITNET_TEST(base_mapped_file) {
  const Bytes bytes = counting_bytes(10001);
  const TempFile temp(bytes);
  auto mapped = [&] {
    const File file(temp.path());
    return MappedFile(file);  // outlives its File
  }();
  const MappedFile moved(std::move(mapped));
  CHECK_EQ(moved.size(), uint64_t{10001});
  CHECK_BITS(moved.data(), bytes.data(), bytes.size(), "mapped");

  const TempFile nothing({});
  const MappedFile none{File(nothing.path())};
  CHECK_EQ(none.size(), uint64_t{0});
}

}  // namespace
}  // namespace bitnet::selftest
