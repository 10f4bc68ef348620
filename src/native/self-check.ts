import { preferredAddon } from "../engine/load-addon.ts";
import { AddonError } from "../errors.ts";
import { runTrial, type TrialEnvironment } from "./run-trial.ts";

/** Every logit of the bundled model is the same on every target; plain C++ is the measure. */
const REFERENCE_TARGET = "scalar";

export interface SelfCheck {
  /** The target that this machine uses. */
  readonly target: string;
  /** Of the logits. */
  readonly hash: string;
}

/** Runs the bundled model on the kernels in use and on plain C++ code, and compares all logits.
 *  @throws {AddonError} they differ, or one of the two crashed */
export async function checkKernels({ env, signal }: TrialEnvironment): Promise<SelfCheck> {
  const { target, hash } = await runTrial({ addon: preferredAddon() }, { env, signal });
  const reference = await runTrial(
    {},
    { env: { ...env, BITNET_KERNEL: REFERENCE_TARGET }, signal },
  );
  if (hash === reference.hash) return { target, hash };
  throw new AddonError(`the kernels ${target} compute other logits than plain C++ code does`, {
    hint: `use others meanwhile: export BITNET_KERNEL=${REFERENCE_TARGET}; and please report this`,
  });
}
