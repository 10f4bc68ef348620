#pragma once

#include <napi.h>

#include <memory>
#include <set>

#include "addon/post_office.h"
#include "engine/engine.h"

namespace bitnet {

class SequenceWrap;

/// `AddonModel` of src/engine/binding.ts: owns the engine.
class ModelWrap : public Napi::ObjectWrap<ModelWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  /// loadModel(spec, onProgress?): loads on worker threads.
  static Napi::Value load(const Napi::CallbackInfo& info);

  explicit ModelWrap(const Napi::CallbackInfo& info);
  ~ModelWrap() override;

  /// Throws a JavaScript error once the model is closed.
  Engine& engine(Napi::Env env) const;
  void cancel(const std::shared_ptr<Sequence>& sequence);
  void forget(SequenceWrap* sequence) { sequences_.erase(sequence); }
  /// Ends every sequence and hands the engine to whoever destroys it.
  std::unique_ptr<Engine> detach();

 private:
  Napi::Value create_sequence(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::unique_ptr<Engine> engine_;
  std::set<SequenceWrap*> sequences_;
};

/// `AddonSequence` of src/engine/binding.ts.
class SequenceWrap : public Napi::ObjectWrap<SequenceWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit SequenceWrap(const Napi::CallbackInfo& info);
  ~SequenceWrap() override;

  void attach(ModelWrap* model, std::shared_ptr<Sequence> sequence);
  /// Drops the engine's sequence; every later call throws.
  void detach();

 private:
  Napi::Value length(const Napi::CallbackInfo& info);
  void truncate(const Napi::CallbackInfo& info);
  Napi::Value generate(const Napi::CallbackInfo& info);
  void set_mask(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value read_chunk(const Napi::CallbackInfo& info);
  void restore(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void close();

  /// Throws a JavaScript error once the sequence is closed.
  const std::shared_ptr<Sequence>& sequence(Napi::Env env) const;

  ModelWrap* model_ = nullptr;
  Napi::ObjectReference model_object_;
  std::shared_ptr<Sequence> sequence_;
};

/// Per environment: class constructors and the models that are open.
struct AddonData {
  Napi::FunctionReference model_class;
  Napi::FunctionReference sequence_class;
  std::shared_ptr<PostOffice> office;
  std::set<ModelWrap*> models;
};

}  // namespace bitnet
