//go:build !purego

package kernel

// weightedAVX512 is WeightedSums.
//
//go:noescape
func weightedAVX512(c *weightedCall)

// weightedAVX2 is WeightedSums.
//
//go:noescape
func weightedAVX2(c *weightedCall)

// markSIMD is MarkTo, with AVX-512 where there is.
//
//go:noescape
func markSIMD(dst, mask *float32, n uintptr, c float32)
