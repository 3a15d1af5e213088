//go:build !purego

package kernel

// ratioTable holds what the assembly of the ratios needs beside expTable.
//
//lint:ignore U1000 the assembly reads it
var ratioTable = [...][8]uint32{
	{1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1}, // all bits but the sign
	{1, 1, 1, 1, 1, 1, 1, 1},
	{0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000}, // 1.5·2²³
}

// piecewiseAVX512 is PiecewiseTo.
//
//go:noescape
func piecewiseAVX512(c *ratioCall)

// piecewiseAVX2 is PiecewiseTo.
//
//go:noescape
func piecewiseAVX2(c *ratioCall)

// ratioAVX512 is RatioTo.
//
//go:noescape
func ratioAVX512(c *ratioCall)

// ratioAVX2 is RatioTo.
//
//go:noescape
func ratioAVX2(c *ratioCall)

// quickAVX512 is PiecewiseTo for a piece and log-ratios that are quick.
//
//go:noescape
func quickAVX512(c *ratioCall)

// quickAVX2 is quickAVX512 with AVX2.
//
//go:noescape
func quickAVX2(c *ratioCall)

// quickSumsAVX512 is RatioSums for log-ratios that are quick.
//
//go:noescape
func quickSumsAVX512(c *ratioCall)

// quickSumsAVX2 is quickSumsAVX512 with AVX2.
//
//go:noescape
func quickSumsAVX2(c *ratioCall)
