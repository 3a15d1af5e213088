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
