#include "addon/mailbox.h"

#include <utility>

#include "addon/js_convert.h"

namespace bitnet {

std::shared_ptr<Mailbox> Mailbox::open(std::shared_ptr<PostOffice> office,
                                       const Napi::Value& on_events, const Napi::Object& keep_alive,
                                       Convert convert) {
  const Napi::Env env = keep_alive.Env();
  std::shared_ptr<Mailbox> box(new Mailbox(env, std::move(office)));
  box->convert_ = std::move(convert);
  box->keep_alive_ = Napi::Persistent(keep_alive);
  if (on_events.IsFunction()) box->on_events_ = Napi::Persistent(on_events.As<Napi::Function>());
  box->office_->box_opened(env);
  return box;
}

void Mailbox::abandon(Napi::Env env) {
  on_events_.Reset();
  keep_alive_.Reset();
  office_->box_closed(env);
}

template <class Write>
void Mailbox::post(Write&& write) {
  const std::lock_guard lock(mutex_);
  write(letter_);
  if (std::exchange(at_office_, true)) return;
  // The office's reference lets the box outlive the engine's interest in it.
  office_->put(shared_from_this());
}

void Mailbox::on_token(int32_t token, const Logprobs* logprobs) {
  post([&](Letter& letter) {
    letter.tokens.push_back(token);
    if (logprobs != nullptr) letter.logprobs.push_back(*logprobs);
  });
}

void Mailbox::on_prompt(uint32_t n_done) {
  post([&](Letter& letter) { letter.prompt_done = n_done; });
}

void Mailbox::on_mask_wanted(uint32_t step) {
  post([&](Letter& letter) { letter.mask_step = step; });
}

void Mailbox::on_done(const GenerateResult& result) {
  post([&](Letter& letter) { letter.result = result; });
}

void Mailbox::on_error(const Error& error) {
  post([&](Letter& letter) { letter.error = error; });
}

Napi::Object Mailbox::events_to_js(Napi::Env env, const Letter& letter) {
  auto events = Napi::Object::New(env);
  auto tokens = Napi::Int32Array::New(env, letter.tokens.size());
  std::copy(letter.tokens.begin(), letter.tokens.end(), tokens.Data());
  events["tokens"] = tokens;
  if (!letter.logprobs.empty()) {
    auto rows = Napi::Array::New(env, letter.logprobs.size());
    for (uint32_t i = 0; i < letter.logprobs.size(); ++i) {
      const Logprobs& logprobs = letter.logprobs[i];
      auto top = Napi::Array::New(env, logprobs.top.size());
      for (uint32_t j = 0; j < logprobs.top.size(); ++j) {
        auto entry = Napi::Object::New(env);
        entry["token"] = logprobs.top[j].token;
        entry["logprob"] = static_cast<double>(logprobs.top[j].logprob);
        top[j] = entry;
      }
      auto row = Napi::Object::New(env);
      row["logprob"] = static_cast<double>(logprobs.chosen);
      row["top"] = top;
      rows[i] = row;
    }
    events["logprobs"] = rows;
  }
  if (letter.prompt_done) events["promptDone"] = *letter.prompt_done;
  if (letter.mask_step) events["maskStep"] = *letter.mask_step;
  return events;
}

void Mailbox::deliver(Napi::Env env) {
  Letter letter;
  {
    const std::lock_guard lock(mutex_);
    letter = std::exchange(letter_, {});
    at_office_ = false;
  }
  // A callback that throws rejects the promise at once; the job itself runs on unheard.
  try {
    if (letter.has_events() && !on_events_.IsEmpty()) on_events_.Call({events_to_js(env, letter)});
    if (letter.result) deferred_.Resolve(convert_(env, *letter.result));
  } catch (const Napi::Error& error) {
    deferred_.Reject(error.Value());
  }
  if (letter.error) deferred_.Reject(to_js_error(env, *letter.error).Value());
  if (letter.result || letter.error) abandon(env);
}

}  // namespace bitnet
