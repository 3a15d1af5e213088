package local

import "github.com/hudrl/hudrl/internal/kernel"

// Portable reports whether training and sampling run on the kernels in plain
// Go, for want of AVX2: everything works, several times slower.
func Portable() bool { return kernel.Implementation() == "go" }
