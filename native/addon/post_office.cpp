#include "addon/post_office.h"

#include <utility>

#include "addon/mailbox.h"

namespace bitnet {

std::shared_ptr<PostOffice> PostOffice::open(Napi::Env env) {
  const std::shared_ptr<PostOffice> office(new PostOffice);
  const auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  office->wake_ = Napi::ThreadSafeFunction::New(env, nothing, "bitnet events", /*maxQueueSize=*/0,
                                                /*initialThreadCount=*/1,
                                                [office](Napi::Env) { office->close(); });
  office->wake_.Unref(env);
  return office;
}

void PostOffice::put(std::shared_ptr<Mailbox> box) {
  const std::lock_guard lock(mutex_);
  with_letters_.push_back(std::move(box));
}

void PostOffice::wake() {
  const std::lock_guard lock(mutex_);
  if (with_letters_.empty() || wake_pending_ || closed_) return;
  const auto deliver_all = [office = shared_from_this()](Napi::Env env, const Napi::Function&) {
    if (env != nullptr) office->deliver(env);
  };
  wake_pending_ = wake_.NonBlockingCall(deliver_all) == napi_ok;
}

/// What boxes refer to must be let go of while the environment is there.
void PostOffice::close() {
  std::vector<std::shared_ptr<Mailbox>> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(with_letters_);
  closed_ = true;
}

void PostOffice::deliver(Napi::Env env) {
  std::vector<std::shared_ptr<Mailbox>> boxes;
  {
    const std::lock_guard lock(mutex_);
    boxes.swap(with_letters_);
    wake_pending_ = false;
  }
  for (const auto& box : boxes) {
    const Napi::HandleScope scope(env);
    try {
      box->deliver(env);
    } catch (const Napi::Error&) {
      // A worker that is stopped runs no JavaScript any more; nobody hears of it.
    }
  }
}

void PostOffice::box_opened(Napi::Env env) {
  if (n_open_++ == 0) wake_.Ref(env);
}

void PostOffice::box_closed(Napi::Env env) {
  if (--n_open_ == 0) wake_.Unref(env);
}

}  // namespace bitnet
