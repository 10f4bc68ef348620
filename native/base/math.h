#pragma once

namespace bitnet {

// Elementary functions of our own, on plain double arithmetic: C libraries differ in the last bit,
// and the same model must give the same logits on every machine. Relative error below 1e-15 for
// arguments of ordinary size; not meant for speed.

double exp_exact(double x) noexcept;  ///< 0 below -708 and for NaN, infinity above 709
double log_exact(double x) noexcept;  ///< x > 0, finite
/// x >= 0, up to 1e8 or so (positions times frequencies).
void sin_cos_exact(double x, double* sine, double* cosine) noexcept;

}  // namespace bitnet
