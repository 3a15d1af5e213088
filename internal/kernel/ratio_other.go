//go:build !amd64 || purego

package kernel

func piecewiseAVX512(*ratioCall) { panic("kernel: unreachable") }
func piecewiseAVX2(*ratioCall)   { panic("kernel: unreachable") }
func ratioAVX512(*ratioCall)     { panic("kernel: unreachable") }
func ratioAVX2(*ratioCall)       { panic("kernel: unreachable") }
func quickAVX512(*ratioCall)     { panic("kernel: unreachable") }
func quickAVX2(*ratioCall)       { panic("kernel: unreachable") }
func quickSumsAVX512(*ratioCall) { panic("kernel: unreachable") }
func quickSumsAVX2(*ratioCall)   { panic("kernel: unreachable") }
