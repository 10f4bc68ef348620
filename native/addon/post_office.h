#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <vector>

namespace bitnet {

class Mailbox;

/// Wakes the main thread for all mailboxes of an environment. At most one wake-up is on its way,
/// and an engine asks for it when it has told all listeners of a step: for the main thread each
/// one costs as much as a token.
class PostOffice : public std::enable_shared_from_this<PostOffice> {
 public:
  static std::shared_ptr<PostOffice> open(Napi::Env env);

  /// From any thread: the box has letters, which are delivered after the next `wake`.
  void put(std::shared_ptr<Mailbox> box);
  void wake();

  /// On the main thread: the process does not end by itself while boxes are open.
  void box_opened(Napi::Env env);
  void box_closed(Napi::Env env);

 private:
  PostOffice() = default;
  void deliver(Napi::Env env);
  void close();

  Napi::ThreadSafeFunction wake_;
  size_t n_open_ = 0;  // main thread only
  std::mutex mutex_;
  std::vector<std::shared_ptr<Mailbox>> with_letters_;  // under mutex_
  bool wake_pending_ = false;                           // under mutex_
  bool closed_ = false;                                 // under mutex_: the environment is no more
};

}  // namespace bitnet
