package local

import "github.com/hudrl/hudrl/internal/kernel"

// Portable reports whether training and sampling run on the kernels in plain
// Go, for want of AVX2: everything works, several times slower.
func Portable() bool { return Kernels() == "go" }

// Kernels names the kernels in use: "avx512", "avx2" or "go".
func Kernels() string { return kernel.Implementation() }
