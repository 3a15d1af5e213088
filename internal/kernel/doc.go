// Package kernel holds the numerical inner loops of the policy and of the tensors: matrix products, elementwise
// arithmetic and functions with their gradients, row reductions, activations, the optimiser's update, and a way to
// split work over the cores.
//
// Everything works on float32 slices, matrices row-major with an explicit row stride. Each operation exists in plain
// Go, always compiled, and where it pays in AVX-512 and AVX2 assembly; [Implementation] names the one in use. The tag
// purego, or another architecture, leaves the plain Go alone. The environment variable HUDRL_KERNEL set to go, avx2
// or avx512 caps the choice; other values are ignored.
//
// # Conventions
//
// A name that ends in To overwrites its destination, which may be the very slice it reads but must not overlap it in
// part. A name without To accumulates (+=) or updates in place, as its comment says. Lengths must agree: a mismatch
// is a bug in the caller and panics with both lengths, before anything is written.
//
// # Batch invariance
//
// The bits of a result row depend only on that row's own inputs and on the implementation, those of an element of a
// product even only on its row, its column and k: not on how many rows are computed together, on their order, on where
// the slices start in memory, nor on whether the operand was packed before ([GemmPanel]) or not ([Gemm]). A sampler that
// decodes one sequence and a trainer that runs a thousand therefore see the same numbers.
//
// AVX2 and AVX-512 agree in every bit. The plain Go agrees with them in the arithmetic of elements, the gradients of
// elementwise operations, the sums in float64, the root-mean-square norm and AdamW; elsewhere, in the exponential, what
// is made of it, the logarithms, and products of matrices and vectors, all three keep within the bounds that are stated.
//
// # Not a number
//
// NaN and infinities travel through every operation as IEEE 754 arithmetic has it; denormals are kept.
package kernel
